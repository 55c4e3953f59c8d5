"""What every reader of frames offers, and the one error it may raise about a file."""

import stat
from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from albar_jax.data import storage

MAX_PIXELS = 1 << 26  # of a picture; twice those of 8K. A header that claims more would only fill the memory

# (height, width) of the upright pictures -> (top, left, height, width) of the box that is wanted of each.
ChooseBox = Callable[[int, int], tuple[int, int, int, int]]


class DecodeError(Exception):
    """A video that cannot be read; the message is its path and the reason."""


class Video(Protocol):
    """An open video. Use it as a context manager, in the process (and thread) that opened it."""

    def __enter__(self) -> "Video": ...

    def __exit__(self, *exc) -> None: ...

    def __len__(self) -> int:
        """Number of frames that can be read."""

    def read(self, indices, choose_box: ChooseBox = ...) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns exactly the frames asked for, RGB in 0..255, in the order asked for; repeats are allowed.

        `choose_box` is called once, with the size of the pictures; of each its box is returned, to the pixel what it
        is in the whole picture, which is the default.
        """


def whole(height: int, width: int) -> tuple[int, int, int, int]:
    """The box that is all of a picture."""
    return 0, 0, height, width


def reason_of(error: Exception) -> str:
    """Returns an error's reason, without the error number and file name of system errors.

    Raises:
      MemoryError: the process is out of memory. A file that claims too much memory is the file's
        own fault.
    """
    if isinstance(error, MemoryError) and not storage.has_memory():
        raise MemoryError from error
    return getattr(error, "strerror", None) or str(error)


def check_indices(indices, count: int, name: str) -> list[int]:
    """Returns the frame numbers as a list; raises IndexError for none or for one outside 0..count - 1."""
    wanted = [int(i) for i in indices]
    if not wanted:
        raise IndexError(f"no frames of {name} were asked for")
    outside = [i for i in wanted if not 0 <= i < count]
    if outside:
        raise IndexError(f"{name} has {count} frames; there is no frame {outside[0]}")
    return wanted


def first_bytes(path: str, count: int = 16) -> bytes:
    """Returns the first bytes of a regular file.

    Pipes and devices are never opened, because reading them could block forever.

    Raises:
      DecodeError: it is no regular file.
      StorageError: the system failed.
    """
    try:
        if not stat.S_ISREG(storage.stat(path).st_mode):
            raise DecodeError(f"{path}: it is not a regular file")
        return storage.read_bytes(path, count)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise DecodeError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
