"""Inert stand-ins for the names of PyTorch in a pickle.

PyTorch's names for tensors map to the classes and functions of this file. All other names (training
records, hyper-parameters, whole modules) map to an inert `Record`. So a file never needs the
package that wrote it.
"""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from albar_jax.storage import inert_pickle
from albar_jax.storage.inert_pickle import Inert

_NUMPY_DTYPES = """float16 float32 float64 complex64 complex128 bool
    int8 int16 int32 int64 uint8 uint16 uint32 uint64"""
_ML_DTYPES = "bfloat16 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu"
# Dtypes by their name in PyTorch.
DTYPES: dict[str, Any] = {
    **{name: np.dtype(name) for name in _NUMPY_DTYPES.split()},
    **{name: np.dtype(getattr(ml_dtypes, name)) for name in _ML_DTYPES.split()},
}
# PyTorch's typed storages, without the suffix "Storage".
_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Bool": "bool",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Untyped": "uint8",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}
# Weights never need these. No code of a file is run, but a file that names them is an attack and is
# refused.
_ATTACKING_MODULES = """os posix nt subprocess sys importlib runpy shutil socket ctypes pty
    webbrowser pickle _pickle"""
_ATTACKING_BUILTINS = "eval exec compile open __import__ input breakpoint globals FileIO"
_BUILTIN_MODULES = ("builtins", "__builtin__")


class AttackError(Exception):
    """Raised if a pickle names code to run; the message is the name."""


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
        self.dtype = dtype
        self.read = read


class Tensor(Inert):
    """A tensor that is read lazily.

    Attributes:
      storage: data of the tensor.
      offset: index of the first entry in the storage.
      shape: length of each axis.
      strides: number of entries between neighbors along each axis.
      dtype: dtype of the entries.
    """

    __slots__ = ("dtype", "offset", "shape", "storage", "strides")

    def __init__(
        self,
        storage: Storage,
        offset: int,
        shape: tuple,
        strides: tuple,
        dtype: np.dtype | None = None,
    ):
        self.storage = storage
        self.offset = offset
        self.shape = tuple(shape)
        self.strides = tuple(strides)
        self.dtype = dtype or storage.dtype

    def numpy(self) -> np.ndarray:
        """Returns a new array.

        Raises:
          ValueError: the tensor exceeds its storage.
        """
        numbers = (self.offset, *self.shape, *self.strides)
        if any(not isinstance(number, int) or number < 0 for number in numbers):
            raise ValueError("its shape is not one of whole numbers")
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)

        data = self.storage.read()
        size = self.dtype.itemsize
        last = self.offset
        for length, stride in zip(self.shape, self.strides, strict=True):
            last += (length - 1) * stride
        if (last + 1) * size > len(data):
            raise ValueError("it is larger than its data")

        strides = [stride * size for stride in self.strides]
        return np.ndarray(self.shape, self.dtype, data, self.offset * size, strides).copy()


def _tensor(storage, offset, shape, strides, *more):
    """Implements `_rebuild_tensor_v2` and `_v3`; ignores requires_grad, hooks and flags."""
    dtype = next((value.dtype for value in more if isinstance(value, Dtype)), None)
    flags = [value for value in more if isinstance(value, dict)]
    is_changed = any(flag.get("conj") or flag.get("neg") for flag in flags)
    if not isinstance(storage, Storage) or is_changed:
        return inert_pickle.record_of("torch", "Tensor")(storage)
    return Tensor(storage, offset, shape, strides, dtype)


def _reconstructed(kind, *_):
    """Implements `copyreg._reconstructor`, which makes an object of a class."""
    if isinstance(kind, type) and issubclass(kind, (inert_pickle.Record, Mapping)):
        return kind()
    return Mapping()


def _of_type(function, _, arguments, __):
    """Implements `_rebuild_from_type_v2`: a tensor of a subclass, or with attributes."""
    if isinstance(function, Function):
        return function(*arguments)
    return inert_pickle.record_of("torch", "Tensor")()


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
}


def _stand_ins() -> dict[tuple[str, str], object]:
    """Returns the stand-ins by module and name."""
    stand_ins = dict(inert_pickle.STAND_INS)
    stand_ins |= {name: Function(run) for name, run in _FUNCTIONS.items()}
    stand_ins |= {("torch", name): Dtype(dtype) for name, dtype in DTYPES.items()}
    for module in ("torch", "torch.cuda", "torch.storage"):
        for name, dtype in _STORAGES.items():
            stand_ins[module, f"{name}Storage"] = Dtype(DTYPES[dtype])

    for module in _BUILTIN_MODULES:
        for kind in (set, frozenset, list, dict, tuple):
            stand_ins[module, kind.__name__] = kind
    return stand_ins | {("collections", "OrderedDict"): Mapping, ("torch", "Size"): tuple}


STAND_INS = _stand_ins()


def refuse_attack(module: str, name: str) -> None:
    """Raises AttackError for a name in a pickle that is code and that weights never need."""
    has_builtins = module in (*_BUILTIN_MODULES, "io", "_io")
    is_attacking_module = module.split(".")[0] in _ATTACKING_MODULES.split()
    if is_attacking_module or (has_builtins and name in _ATTACKING_BUILTINS.split()):
        raise AttackError(f"{module}.{name}")
