"""Defines the interface of all readers of frames, and the error for files that they cannot read."""

import stat
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import numpy as np
from jaxtyping import UInt8

from albar_jax.storage import access

# Maps the (height, width) of the upright pictures to the box (top, left, height, width) to read of
# each.
ChooseBox = Callable[[int, int], tuple[int, int, int, int]]
# Maps a box (h, w, 3) to an array that has the same shape for all frames.
Shrink = Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "height width 3"]]


class DecodeError(Exception):
    """An error for a video that cannot be read; the message is its path and the reason."""


class Video(Protocol):
    """An open video. Use it as a context manager, in the process (and thread) that opened it.

    Attributes:
      fps: average frames per second; None if the video has no times.
    """

    fps: float | None

    def __enter__(self) -> "Video": ...

    def __exit__(self, *exc) -> None: ...

    def __len__(self) -> int:
        """Returns the number of frames that can be read."""
        ...

    def read(
        self, indices, choose_box: ChooseBox = ..., shrink: Shrink | None = ...
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns the requested frames in the requested order, RGB in 0..255.

        Args:
          indices: frame numbers; repeats are allowed.
          choose_box: called once with the size of the pictures; returns the box to read. The
            default is the whole picture. The pixels are the same as in the whole picture.
          shrink: applied to the box of each frame right after decoding, so that memory holds one
            large frame. If given, pictures may be decoded at a reduced size to meet the budget.

        Raises:
          IndexError: a frame does not exist.
          DecodeError: a frame cannot be read, or the frames exceed the budget.
        """
        ...


class Untimed:
    """A video of pictures, which have no times."""

    fps: float | None = None


def whole(height: int, width: int) -> tuple[int, int, int, int]:
    """Returns the box of the whole picture."""
    return 0, 0, height, width


class Clip:
    """The frames of one `read`, filled in frame by frame.

    Args:
      numbers: frame numbers in the requested order; repeats are allowed.
      shrink: see `Video.read`.

    Attributes:
      missing: numbers of the frames that are not filled in yet, in the requested order.
    """

    def __init__(self, numbers: Sequence[int], shrink: Shrink | None):
        self._places: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            self._places.setdefault(number, []).append(place)

        self._shrink = shrink
        self._count = len(numbers)
        # A dict instead of a set, to keep the order.
        self.missing = dict.fromkeys(numbers)
        self._frames: UInt8[np.ndarray, "n h w 3"] | None = None

    @property
    def frames(self) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns the frames (n, h, w, 3) when none of them is missing any more."""
        # `put` creates the array.
        return cast(np.ndarray, self._frames)

    def put(self, number: int, box: UInt8[np.ndarray, "h w 3"]) -> None:
        """Applies `shrink` to the box of a frame and stores the result.

        Raises:
          MemoryError: the clip is too large.
        """
        picture = box if self._shrink is None else self._shrink(box)
        if self._frames is None:
            self._frames = np.empty((self._count, *picture.shape), np.uint8)

        # One by one: numpy assigns to a list of places several times slower.
        for place in self._places[number]:
            self._frames[place] = picture
        del self.missing[number]


def reason_of(error: Exception) -> str:
    """Returns an error's reason, without the error number and file name of system errors.

    Raises:
      MemoryError: the process is out of memory. If a file claims too much memory, the file is at
        fault, and nothing is raised.
    """
    if isinstance(error, MemoryError) and not access.has_memory():
        raise MemoryError from error
    return getattr(error, "strerror", None) or str(error)


def check_indices(indices, count: int, name: str) -> list[int]:
    """Returns frame numbers as a list.

    Args:
      indices: frame numbers.
      count: number of frames of the video.
      name: name of the video for messages.

    Raises:
      IndexError: there are no numbers, or one is outside 0..count - 1.
    """
    numbers = [int(index) for index in indices]
    if not numbers:
        raise IndexError(f"no frames of {name} were asked for")

    for number in numbers:
        if not 0 <= number < count:
            raise IndexError(f"{name} has {count} frames; there is no frame {number}")

    return numbers


def first_bytes(path: str, count: int = 16) -> bytes:
    """Returns the first bytes of a regular file.

    Pipes and devices are never opened, because reading them could block forever.

    Raises:
      DecodeError: it is not a regular file.
      StorageError: the system failed.
    """
    try:
        if not stat.S_ISREG(access.stat(path).st_mode):
            raise DecodeError(f"{path}: it is not a regular file")
        return access.read_bytes(path, count)
    # ValueError: a null byte in the path.
    except (OSError, ValueError) as error:
        raise DecodeError(f"{path}: {reason_of(error)}") from error
