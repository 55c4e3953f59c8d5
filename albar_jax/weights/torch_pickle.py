"""Reads files of `torch.save` without PyTorch and without running code in them; see `stand_ins`."""

import functools
import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from albar_jax.errors import UserError
from albar_jax.files import ZIP_ERRORS
from albar_jax.storage import inert_pickle
from albar_jax.weights import stand_ins
from albar_jax.weights.stand_ins import Dtype, Function, Storage

# The first two pickles of a file of PyTorch before 1.6.
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def read(file: BinaryIO) -> Any:
    """Reads a file of `torch.save`: plain values, containers, `Tensor`, `Array` and `Record`.

    Args:
      file: seekable file, open while tensors are read. A zip archive, the format before PyTorch
        1.6, or a plain pickle.

    Raises:
      AttackError: the file names code to run.
      UserError: the kind of file is not supported; the message lacks the file name.
      Exception: any other error, if the file is damaged.
    """
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":
        return _read_zip(file)
    return _read_stream(file)


_STAND_INS: dict[tuple[str, str], object] = {
    **stand_ins.STAND_INS,
    # A storage that was pickled outside `torch.save` is the bytes of another file.
    ("torch.storage", "_load_from_bytes"): Function(lambda data: read(io.BytesIO(data))),
}


def _find(module: str, name: str) -> object:
    """Returns the stand-in for a name in a pickle."""
    stand_ins.refuse_attack(module, name)
    return _STAND_INS.get((module, name)) or inert_pickle.record_of(module, name)


def _read_zip(file: BinaryIO) -> Any:
    archive = zipfile.ZipFile(file)
    folder = _folder_of(archive)

    # A cache of one suffices, because tensors of one storage follow each other.
    @functools.lru_cache(maxsize=1)
    def data(key: str) -> bytes:
        try:
            return archive.read(f"{folder}data/{key}")
        except ZIP_ERRORS as error:
            # Errors of the system have an errno.
            if isinstance(error, OSError) and error.errno:
                raise
            raise zipfile.BadZipFile(str(error)) from error

    def storage(pid):
        kind, storage_type, key, *_ = pid
        if kind != "storage":
            raise ValueError(f"it refers to {kind}")
        # The storage has quantized numbers.
        if not isinstance(storage_type, Dtype):
            return storage_type()
        return Storage(storage_type.dtype, functools.partial(data, str(key)))

    content = io.BytesIO(archive.read(f"{folder}data.pkl"))
    return _reader(content, storage).load()


def _folder_of(archive: zipfile.ZipFile) -> str:
    """Returns the folder of the archive that holds the pickle, with its slash.

    Raises:
      UserError: the archive holds no weights, or weights that are not read.
    """
    names = archive.namelist()
    pickles = sorted((name for name in names if name.split("/")[1:] == ["data.pkl"]), key=len)
    if not pickles:
        contents = ", ".join(names[:3])
        raise UserError(
            f"is an archive without weights of PyTorch ({contents}): unpack it, and give the file "
            "in it"
        )

    folder = pickles[0].removesuffix("data.pkl")
    if any(name == f"{folder}constants.pkl" or name.startswith(f"{folder}code/") for name in names):
        raise UserError(
            "is a TorchScript program, not weights: save the state_dict() of the model that it was "
            "made from"
        )
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise UserError(
            "was written on a big-endian machine, which is not read: save it as .safetensors there"
        )
    return folder


def _reader(
    file: BinaryIO, load_persistent: Callable[[Any], Any] | None = None
) -> inert_pickle.Reader:
    return inert_pickle.Reader(file, _find, load_persistent)


def _read_stream(file: BinaryIO) -> Any:
    """Reads the format before PyTorch 1.6 (several pickles, then the data), or a plain pickle."""
    first = _reader(file).load()
    if first != MAGIC:
        return first

    # Each pickle follows directly after the one before it.
    version = _reader(file).load()
    system = _reader(file).load()
    if version != PROTOCOL or not system.get("little_endian", True):
        raise UserError(
            "was written on a big-endian machine or by another PyTorch, which is not read: save it "
            "as .safetensors there"
        )

    storages = _StreamStorages(file)
    content = _reader(file, storages.storage).load()
    storages.locate(_reader(file).load())
    return content


class _StreamStorages:
    """The storages of an old-format file; their offsets are known after all pickles are read."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._dtypes: dict[str, np.dtype] = {}
        # Offset and length of the data in bytes.
        self._spans: dict[str, tuple[int, int]] = {}
        self._read = functools.lru_cache(maxsize=1)(self._read_span)

    def storage(self, pid: tuple) -> Any:
        """Returns the stand-in of a storage, or of a class saved with its source."""
        kind, *rest = pid
        if kind == "module":
            return rest[0]

        storage_type, key, _, _, *view = rest
        if not isinstance(storage_type, Dtype):
            raise UserError("holds quantized tensors, which are not read: save it as float32")
        dtype = self._dtypes.setdefault(key, storage_type.dtype)
        if not view or view[0] is None:
            return Storage(dtype, functools.partial(self._read, key))

        # The view is a slice of the storage.
        _, offset, length = view[0]
        first = offset * dtype.itemsize
        last = (offset + length) * dtype.itemsize
        return Storage(dtype, lambda: self._read(key)[first:last])

    def locate(self, keys: Any) -> None:
        """Locates the data of these storages, stored in order from here to the end of the file."""
        start = self._file.tell()
        end = self._file.seek(0, io.SEEK_END)
        self._file.seek(start)
        for key in keys:
            (count,) = struct.unpack("<q", self._file.read(8))
            length = count * self._dtypes[key].itemsize
            self._spans[key] = (self._file.tell(), length)
            if not 0 <= length <= end - self._file.tell():
                raise ValueError("it is cut off")
            self._file.seek(length, io.SEEK_CUR)

    def _read_span(self, key: str) -> bytes:
        start, length = self._spans[key]
        self._file.seek(start)
        return self._file.read(length)
