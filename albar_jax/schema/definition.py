"""Defines a config field once: its default, meaning, and behavior in saved runs.

A section of the config is a dataclass. The annotation of a field holds its type and range, and
`field` holds everything else. Defaults, help and refusals are made from these definitions.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

# Occasions on which a field may have another value than before:
# "resume": a run is resumed.
# "launch": the processes of one run are launched together.
# "study": a study uses a run that another study has trained.
Occasion = Literal["resume", "launch", "study"]
# A sentinel, because None is a valid default.
UNSET = object()


@dataclasses.dataclass(frozen=True)
class Definition:
    """The definition of a config field, without its type and default.

    Attributes:
      doc: meaning of the field, for the help.
      may_change: occasions on which the field may have another value.
      is_path: whether the value is a path or `KIND:PATH`, in which `~` is expanded.
      saved_default: value of the field in runs that were saved before it existed. UNSET if all
        saved runs have it.
      saved_name: name of the field in runs of version 0.1, if it was another.
      saved_values: old value -> new value, for values that were renamed after version 0.1.
    """

    doc: str
    may_change: frozenset[Occasion] = frozenset()
    is_path: bool = False
    saved_default: Any = UNSET
    saved_name: str | None = None
    saved_values: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A field of a nested dataclass.

    Attributes:
      name: dotted name, such as `optim.peak_lr`.
      kind: annotation with its range.
      default: value of new runs; UNSET if there is none.
      definition: the rest of its definition.
    """

    name: str
    kind: Any
    default: Any
    definition: Definition


def field(default: Any, doc: str, *, may_change: tuple[Occasion, ...] = (), **more: Any) -> Any:
    """Defines a field of a config section; see `Definition` for `more`.

    Args:
      default: value of new runs; UNSET if there is none.
      doc: meaning of the field, in a few sentences.
      may_change: occasions on which the field may have another value.
      **more: other attributes of `Definition`.
    """
    definition = Definition(doc, frozenset(may_change), **more)
    metadata = {"definition": definition}
    if default is UNSET:
        return dataclasses.field(metadata=metadata)

    return dataclasses.field(default=default, metadata=metadata)


def definition_of(field: dataclasses.Field) -> Definition:
    """Returns the definition of a dataclass field that was made by `field`."""
    return field.metadata["definition"]


def leaves(cls: type, prefix: str = "") -> Iterator[Leaf]:
    """Yields all fields of nested dataclasses in their order; `prefix` precedes their names."""
    kinds = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        name = prefix + field.name
        kind = kinds[field.name]
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from leaves(kind, f"{name}.")
            continue

        has_default = field.default is not dataclasses.MISSING
        default = field.default if has_default else UNSET
        yield Leaf(name, kind, default, definition_of(field))
