"""Reads files of `torch.save` without PyTorch and without running code in them.

PyTorch's names for tensors map to the stand-ins of this file. All other names (training records,
hyper-parameters, whole modules) map to an inert `Record`, so a file never needs the package that
wrote it.
"""

import functools
import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from albar_jax.errors import UserError
from albar_jax.files import ZIP_ERRORS
from albar_jax.storage import inert_pickle

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
DTYPES: dict[str, Any] = {
    **{
        name: np.dtype(name)
        for name in ("float16", "float32", "float64", "complex64", "complex128", "bool")
    },
    **{
        f"{sign}int{bits}": np.dtype(f"{sign}int{bits}")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    **{
        name: np.dtype(getattr(ml_dtypes, name))
        for name in (
            "float8_e4m3fn",
            "float8_e5m2",
            "float8_e4m3fnuz",
            "float8_e5m2fnuz",
            "float8_e8m0fnu",
        )
    },
}
# PyTorch's typed storages, without the suffix "Storage".
_STORAGES = {
    **{
        "Double": "float64",
        "Float": "float32",
        "Half": "float16",
        "BFloat16": "bfloat16",
        "Bool": "bool",
    },
    **{
        "Long": "int64",
        "Int": "int32",
        "Short": "int16",
        "Char": "int8",
        "Byte": "uint8",
        "Untyped": "uint8",
    },
    **{"ComplexFloat": "complex64", "ComplexDouble": "complex128"},
}
# Weights never need these. No code of a file is run, but a file that names them is an attack and is
# refused.
_ATTACKS = {
    "os",
    "posix",
    "nt",
    "subprocess",
    "sys",
    "importlib",
    "runpy",
    "shutil",
    "socket",
    "ctypes",
    "pty",
}
_ATTACKS |= {"webbrowser", "pickle", "_pickle"}
_ATTACKING_NAMES = {
    "eval",
    "exec",
    "compile",
    "open",
    "__import__",
    "input",
    "breakpoint",
    "globals",
    "FileIO",
}


class Inert:
    """A stand-in that a pickle can name but not change."""

    __slots__ = ()

    def __setstate__(self, _):
        raise ValueError("a stand-in cannot be set")


class Function(Inert):
    """A stand-in for a function of PyTorch that runs ours instead."""

    __slots__ = ("_run",)

    def __init__(self, run: Callable):
        self._run = run

    def __call__(self, *arguments):
        """Calls our function."""
        return self._run(*arguments)


class Dtype(Inert):
    """A stand-in for a PyTorch dtype."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype


class Mapping(dict):
    """A stand-in for an `OrderedDict` or a subclass; ignores attributes."""

    __slots__ = ()

    def __setstate__(self, _):
        pass


class Storage(Inert):
    """The data of one or several tensors; `read` returns its bytes."""

    __slots__ = ("dtype", "read")

    def __init__(self, dtype: np.dtype, read: Callable[[], bytes]):
        self.dtype, self.read = dtype, read


class Tensor(Inert):
    """A tensor that is read lazily."""

    __slots__ = ("dtype", "offset", "shape", "storage", "strides")

    def __init__(
        self,
        storage: Storage,
        offset: int,
        shape: tuple,
        strides: tuple,
        dtype: np.dtype | None = None,
    ):
        self.storage, self.offset, self.shape, self.strides = (
            storage,
            offset,
            tuple(shape),
            tuple(strides),
        )
        self.dtype = dtype or storage.dtype

    def numpy(self) -> np.ndarray:
        """Returns a new array. Raises ValueError if the tensor exceeds its storage."""
        if any(not isinstance(n, int) or n < 0 for n in (self.offset, *self.shape, *self.strides)):
            raise ValueError("its shape is not one of whole numbers")
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)

        data, size = self.storage.read(), self.dtype.itemsize
        last = self.offset + sum(
            (n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True)
        )
        if (last + 1) * size > len(data):
            raise ValueError("it is larger than its data")
        strides = [stride * size for stride in self.strides]

        return np.ndarray(self.shape, self.dtype, data, self.offset * size, strides).copy()


def _tensor(storage, offset, shape, strides, *more):
    """Implements `_rebuild_tensor_v2` and `_v3`; ignores requires_grad, hooks and flags."""
    dtype = next((value.dtype for value in more if isinstance(value, Dtype)), None)
    is_changed = any(
        isinstance(value, dict) and (value.get("conj") or value.get("neg")) for value in more
    )
    if not isinstance(storage, Storage) or is_changed:
        return inert_pickle.record_of("torch", "Tensor")(storage)
    return Tensor(storage, offset, shape, strides, dtype)


def _reconstructed(kind, *_):
    """Implements `copyreg._reconstructor`, which makes an object of a class."""
    return (
        kind()
        if isinstance(kind, type) and issubclass(kind, (inert_pickle.Record, Mapping))
        else Mapping()
    )


def _of_type(function, _, arguments, __):
    """Implements `_rebuild_from_type_v2`: a tensor of a subclass, or with attributes."""
    return (
        function(*arguments)
        if isinstance(function, Function)
        else inert_pickle.record_of("torch", "Tensor")()
    )


def _first(value, *_):
    return value


_FUNCTIONS = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch._utils", "_rebuild_parameter_with_state"): _first,
    ("torch._utils", "_rebuild_device_tensor_from_numpy"): _first,
    ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): _first,
    ("torch._tensor", "_rebuild_from_type_v2"): _of_type,
    ("copyreg", "_reconstructor"): _reconstructed,
    ("copy_reg", "_reconstructor"): _reconstructed,
    ("collections", "defaultdict"): lambda *_: Mapping(),
    ("torch.storage", "_load_from_bytes"): lambda data: read(io.BytesIO(data)),
}
_STAND_INS: dict[tuple[str, str], object] = {
    **inert_pickle.STAND_INS,
    **{name: Function(run) for name, run in _FUNCTIONS.items()},
    **{("torch", name): Dtype(dtype) for name, dtype in DTYPES.items()},
    **{
        (module, f"{name}Storage"): Dtype(DTYPES[dtype])
        for name, dtype in _STORAGES.items()
        for module in ("torch", "torch.cuda", "torch.storage")
    },
    ("collections", "OrderedDict"): Mapping,
    ("torch", "Size"): tuple,
    **{
        (module, kind.__name__): kind
        for kind in (set, frozenset, list, dict, tuple)
        for module in ("builtins", "__builtin__")
    },
}


def _find(module: str, name: str) -> object:
    is_builtin = module in ("builtins", "__builtin__", "io", "_io")
    if module.split(".")[0] in _ATTACKS or (is_builtin and name in _ATTACKING_NAMES):
        raise AttackError(f"{module}.{name}")
    return _STAND_INS.get((module, name)) or inert_pickle.record_of(module, name)


class AttackError(Exception):
    """Raised if a pickle names code to run; the message is the name."""


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
    return _read_zip(file) if start == b"PK\x03\x04" else _read_stream(file)


def _read_zip(file: BinaryIO) -> Any:
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    pickles = sorted((name for name in names if name.split("/")[1:] == ["data.pkl"]), key=len)
    if not pickles:
        held = ", ".join(names[:3])
        raise UserError(
            f"is an archive without weights of PyTorch ({held}): unpack it, and give the file in it"
        )

    folder = pickles[0].removesuffix("data.pkl")
    if any(name == f"{folder}constants.pkl" or name.startswith(f"{folder}code/") for name in names):
        raise UserError(
            "is a TorchScript program, not weights: save the state_dict() of the model that it is made from"
        )
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise UserError(
            "was written on a big-endian machine, which is not read: save it as .safetensors there"
        )

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

    def persistent(pid):
        kind, storage_type, key, *_ = pid
        if kind != "storage":
            raise ValueError(f"it refers to {kind}")
        # The storage has quantised numbers.
        if not isinstance(storage_type, Dtype):
            return storage_type()
        return Storage(storage_type.dtype, functools.partial(data, str(key)))

    return inert_pickle.Reader(io.BytesIO(archive.read(pickles[0])), _find, persistent).load()


def _read_stream(file: BinaryIO) -> Any:
    """Reads the format before PyTorch 1.6 (several pickles, then the data), or a plain pickle."""
    first = inert_pickle.Reader(file, _find).load()
    if first != MAGIC:
        return first
    version, system = (inert_pickle.Reader(file, _find).load() for _ in range(2))
    if version != PROTOCOL or not system.get("little_endian", True):
        raise UserError(
            "was written on a big-endian machine or by another PyTorch, which is not read"
        )
    pieces = _Pieces(file)
    content = inert_pickle.Reader(file, _find, pieces.storage).load()
    pieces.locate(inert_pickle.Reader(file, _find).load())

    return content


class _Pieces:
    """The storages of an old-format file; their offsets are known after all pickles are read."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._dtypes: dict[str, np.dtype] = {}
        self._places: dict[str, tuple[int, int]] = {}
        self._read = functools.lru_cache(maxsize=1)(self._read_place)

    def storage(self, pid: tuple) -> Any:
        """Returns the stand-in of a storage, or of a class saved with its source."""
        kind, *rest = pid
        if kind == "module":
            return rest[0]
        storage_type, key, _, _, *view = rest
        if not isinstance(storage_type, Dtype):
            raise UserError("holds quantised tensors, which are not read: save it as float32")
        dtype = self._dtypes.setdefault(key, storage_type.dtype)
        if not view or view[0] is None:
            return Storage(dtype, functools.partial(self._read, key))
        # The view is a part of the storage.
        _, offset, length = view[0]
        first, last = offset * dtype.itemsize, (offset + length) * dtype.itemsize

        return Storage(dtype, lambda: self._read(key)[first:last])

    def locate(self, keys: Any) -> None:
        """Locates the data of these storages, stored in order from here to the end of the file."""
        start = self._file.tell()
        end = self._file.seek(0, io.SEEK_END)
        self._file.seek(start)
        for key in keys:
            (count,) = struct.unpack("<q", self._file.read(8))
            length = count * self._dtypes[key].itemsize
            self._places[key] = (self._file.tell(), length)
            if not 0 <= length <= end - self._file.tell():
                raise ValueError("it is cut off")
            self._file.seek(length, io.SEEK_CUR)

    def _read_place(self, key: str) -> bytes:
        start, length = self._places[key]
        self._file.seek(start)
        return self._file.read(length)
