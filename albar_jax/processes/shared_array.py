"""An array that a process shares with a child; it survives the death of either."""

import mmap
import os
from multiprocessing import reduction
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from albar_jax.processes.channel import nameless_file


class SharedArray:
    """An array in anonymous memory; it can be passed only to a process that is being started.

    Attributes:
      values: the array, initially zero.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        file = nameless_file()
        # Writes zeros and does not only extend the file, so that a full disk raises an error here,
        # not SIGBUS later.
        os.write(file, bytes(size))
        self._map(file, shape, dtype)

    def _map(self, file: int, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._file = file
        self.values = np.frombuffer(mmap.mmap(file, 0), dtype).reshape(shape)

    def __reduce__(self):
        return _attach, (reduction.DupFd(self._file), self.values.shape, self.values.dtype)

    def __del__(self):
        os.close(self._file)


class _Duplicate(Protocol):
    """A descriptor on its way to a child, as `reduction.DupFd` returns it."""

    def detach(self) -> int: ...


def _attach(file: _Duplicate, shape: tuple[int, ...], dtype: np.dtype) -> SharedArray:
    array = SharedArray.__new__(SharedArray)
    array._map(file.detach(), shape, dtype)
    return array
