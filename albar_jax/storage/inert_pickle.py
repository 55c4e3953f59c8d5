"""Reads a pickle without running any code that it names.

A pickle names functions and calls them. Here no name is ever imported. The four names that numpy
uses for numbers map to stand-ins that only store their arguments. `read` refuses all other names.
`weights.torch_pickle` adds stand-ins for tensors and maps all other names to `Record`.
"""

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from albar_jax.errors import StorageError, UserError
from albar_jax.storage import access
from albar_jax.storage.pickle_limits import LimitedUnpickler

_CODE = re.compile(r"[biuf][1248]")


class Inert:
    """A stand-in that a pickle can name but not change."""

    __slots__ = ()

    def __setstate__(self, _):
        raise ValueError("a stand-in cannot be set")


class Array:
    """A pickled numpy array; `numpy.asarray` converts it."""

    __slots__ = ("_values",)

    def __init__(self, *_):
        self._values = np.empty(0)

    def __setstate__(self, state):
        _, shape, dtype, by_columns, data = state
        self._values = _numbers(dtype, data).reshape(shape, order="F" if by_columns else "C")

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)


class Dtype:
    """A pickled numpy dtype."""

    __slots__ = ("_code", "_order")

    def __init__(self, code, *_):
        self._code = code
        self._order = "="

    def __setstate__(self, state):
        self._order = state[1]

    def read(self) -> np.dtype:
        """Returns the dtype. Raises ValueError for dtypes that are not numbers, such as object."""
        if not _CODE.fullmatch(self._code) or self._order not in ("<", ">", "=", "|"):
            raise ValueError(f"arrays of {self._order}{self._code} are not numbers")
        return np.dtype(("" if self._order == "|" else self._order) + self._code)


def _numbers(dtype: Dtype, data: bytes | str) -> np.ndarray:
    # A pickle of Python 2 holds each byte as one character.
    if isinstance(data, str):
        data = data.encode("latin1")

    return np.frombuffer(data, dtype.read())


class Scalar(Inert):
    """A pickled numpy scalar, read as a plain number."""

    def __new__(cls, dtype, data):
        """Reads the number."""
        return _numbers(dtype, data)[0].item()


class Latin1(Inert):
    """Bytes as Python 3 pickles them for Python 2: text with an encode call."""

    def __new__(cls, text, *_):
        """Encodes the text."""
        return text.encode("latin1")


STAND_INS = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): Dtype,
    ("numpy.core.multiarray", "_reconstruct"): Array,
    ("numpy._core.multiarray", "_reconstruct"): Array,
    ("numpy.core.multiarray", "scalar"): Scalar,
    ("numpy._core.multiarray", "scalar"): Scalar,
    ("_codecs", "encode"): Latin1,
}


class Record:
    """A stand-in for an object of any class: stores its arguments and state, and does nothing.

    `origin` is the name in the pickle, such as `mmengine.logging.HistoryBuffer`.
    """

    __slots__ = ("arguments", "state")
    origin = ""

    def __new__(cls, *arguments, **_):
        """Keeps the arguments."""
        record = object.__new__(cls)
        record.arguments = arguments
        record.state = None
        return record

    def __init__(self, *_, **__):
        pass

    def __call__(self, *_, **__):
        """Returns itself as the result of a call."""
        return self

    def __setstate__(self, state):
        self.state = state

    def __setitem__(self, key, value):
        pass

    def _ignore(self, *_):
        pass

    append = extend = add = update = _ignore


def record_of(module: str, name: str) -> type[Record]:
    """Returns a stand-in for a class or function of this name."""
    return type("Record", (Record,), {"__slots__": (), "origin": f"{module}.{name}"})


class Reader(LimitedUnpickler):
    """An unpickler that calls `find(module, name)` for a stand-in instead of importing.

    `load_persistent` converts the pickle's persistent identifiers to values.
    """

    def __init__(
        self,
        file: BinaryIO,
        find: Callable[[str, str], object],
        load_persistent: Callable[[object], object] | None = None,
    ):
        super().__init__(file, encoding="latin1")
        self._find = find
        self._load_persistent = load_persistent

    def find_class(self, module: str, name: str):
        """Returns a stand-in; never imports."""
        return self._find(module, name)

    def persistent_load(self, pid: object):
        """Returns the value of a persistent identifier; never runs code."""
        if self._load_persistent is None:
            raise pickle.UnpicklingError("it refers to data that it does not hold")
        return self._load_persistent(pid)


def read(path: Path):
    """Reads plain values, text, containers and `Array` from a pickle of Python 2 or 3.

    Raises:
      UserError: the pickle names anything else, or is damaged.
    """

    def find(module: str, name: str):
        if (module, name) not in STAND_INS:
            raise UserError(
                f"{path} is refused: it names {module}.{name}, which is not a number or an array, "
                "and could run code"
            )

        return STAND_INS[module, name]

    try:
        with access.StoredFile(path) as raw, io.BufferedReader(raw) as file:
            return Reader(file, find).load()
    except (UserError, StorageError):
        raise
    # A damaged pickle can raise any error.
    except Exception as error:
        raise UserError(
            f"{path} is not a readable pickle of arrays: {str(error) or type(error).__name__}"
        ) from error
