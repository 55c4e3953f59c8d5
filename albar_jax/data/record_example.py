"""Decodes the records that `record_builder` writes: each is a tf.train.Example with a video.

The protocol buffer message is defined here, in its own descriptor pool. So reading needs neither
TensorFlow nor tensorflow-datasets, and nothing in a record determines how it is decoded.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

VIDEO = "video"

_PACKAGE = "albar_jax.example"
# Field number 1 of each message: name, type, and whether it is repeated. On the wire, a map has the
# same form as repeated entries.
_FIRST = {
    "Example": ("features", "Features", False),
    "Features": ("feature", "Entry", True),
    "Entry": ("key", "string", False),
    "Feature": ("bytes_list", "BytesList", False),
    "BytesList": ("value", "bytes", True),
}


def video_of(record: bytes) -> bytes:
    """Returns the encoded video of a record.

    Raises:
      ValueError: the record is not a tf.train.Example with exactly one video.
    """
    try:
        example = _EXAMPLE.FromString(record)
    except message.DecodeError as error:
        raise ValueError(f"it is not a tf.train.Example ({error})") from error

    # As in a map, the last entry with a given name counts.
    values = ()
    for entry in example.features.feature:
        if entry.key == VIDEO:
            values = entry.value.bytes_list.value

    if len(values) != 1:
        raise ValueError(
            f"it has {len(values)} values of the feature {VIDEO!r}, but a record must have one"
        )

    return values[0]


# The type is Any, because the fields of the class are defined at run time.
def _define() -> Any:
    """Defines tf.train.Example with the fields that are needed here."""
    file = descriptor_pb2.FileDescriptorProto(
        name="albar_jax/example.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, (field, kind, is_repeated) in _FIRST.items():
        _add_field(file.message_type.add(name=name), field, 1, kind, is_repeated)

    # The only message with a second field.
    entry = next(kind for kind in file.message_type if kind.name == "Entry")
    _add_field(entry, "value", 2, "Feature", False)

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)

    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Example"))


def _add_field(
    owner: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str, is_repeated: bool
) -> None:
    types = descriptor_pb2.FieldDescriptorProto
    field = owner.field.add(name=name, number=number)
    field.label = types.LABEL_REPEATED if is_repeated else types.LABEL_OPTIONAL

    if kind == "string":
        field.type = types.TYPE_STRING
    elif kind == "bytes":
        field.type = types.TYPE_BYTES
    else:
        field.type = types.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"


_EXAMPLE = _define()
