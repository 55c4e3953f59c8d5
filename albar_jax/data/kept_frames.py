"""Keeps the decoded frames of small videos in memory, so that each of them is decoded only once.

A clip from kept frames has the same pixels as one that is decoded again. A video stays out if it is
large, if the memory that is set aside is used up, or if one of its frames cannot be read.
"""

import threading
from collections.abc import Hashable

import numpy as np
from jaxtyping import UInt8

from albar_jax.data import records
from albar_jax.data.decode import DecodeError, Decoder, Source, open_video
from albar_jax.data.readers.base import (
    ChooseBox,
    Clip,
    Shrink,
    Untimed,
    Video,
    check_indices,
    whole,
)
from albar_jax.storage import access
from albar_jax.storage.budget import DEFAULT, Budget

# Largest video that is kept, in bytes of its frames.
MAX_VIDEO = 1 << 22


class KeptVideo(Untimed):
    """An open video whose frames are in memory; see `readers.base.Video`.

    Args:
      name: name of the video for messages.
      frames: all its frames, uint8 (n, H, W, 3), RGB.
    """

    def __init__(self, name: str, frames: UInt8[np.ndarray, "n h w 3"]):
        self._name = name
        self._frames = frames

    def __enter__(self) -> "KeptVideo":
        return self

    def __exit__(self, *exc) -> None:
        pass

    def __len__(self) -> int:
        return len(self._frames)

    def read(
        self, indices, choose_box: ChooseBox = whole, shrink: Shrink | None = None
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns the requested frames; see `readers.base.Video`."""
        clip = Clip(check_indices(indices, len(self), self._name), shrink)
        top, left, height, width = choose_box(*self._frames.shape[1:3])
        for number in list(clip.missing):
            clip.put(number, self._frames[number, top : top + height, left : left + width])

        return clip.frames


class KeptFrames:
    """The frames of small videos, up to a number of bytes; threads may share it.

    A key contains the size and the time of the file, so a file that was written again is decoded
    again.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._bytes = 0
        # None marks a video that is not kept.
        self._frames_of: dict[Hashable, UInt8[np.ndarray, "n h w 3"] | None] = {}

    def open(
        self, source: Source, decoder: Decoder = "auto", budget: Budget = DEFAULT, limit: int = 0
    ) -> Video:
        """Opens a video like `decode.open_video`, from memory if possible.

        Args:
          source: a path, or the bytes of a video; only the videos of files are kept.
          decoder: library that decodes films.
          budget: limits of one `read`.
          limit: bytes of all kept frames together; 0 keeps none.

        Raises:
          DecodeError: the video cannot be read.
          StorageError: the system failed to read a file.
        """
        if not limit or isinstance(source, bytes):
            return open_video(source, decoder, budget)

        name = str(source)
        key = (name, decoder, budget, *_file_state(name))
        if key not in self._frames_of:
            self._keep(key, self._decode(name, decoder, budget, limit), limit)

        frames = self._frames_of[key]
        if frames is None:
            return open_video(source, decoder, budget)
        return KeptVideo(name, frames)

    def _decode(
        self, name: str, decoder: Decoder, budget: Budget, limit: int
    ) -> UInt8[np.ndarray, "n h w 3"] | None:
        """Returns all frames of a small video; None if it is not to be kept."""
        try:
            with open_video(name, decoder, budget) as video:
                # One frame tells the size.
                num_bytes = len(video) * video.read([0]).nbytes
                if num_bytes > min(MAX_VIDEO, limit - self._bytes):
                    return None
                return video.read(range(len(video)))
        # A clip may lack the frames that cannot be read, so each clip tries again.
        except DecodeError:
            return None

    def _keep(self, key: Hashable, frames: UInt8[np.ndarray, "n h w 3"] | None, limit: int) -> None:
        """Stores the frames of a video, unless another thread has done so or used the memory."""
        with self._lock:
            if key in self._frames_of:
                return
            if frames is not None and self._bytes + frames.nbytes > limit:
                frames = None

            self._frames_of[key] = frames
            if frames is not None:
                self._bytes += frames.nbytes


# One for all streams of a process, so that each validation finds the frames of the one before.
KEPT = KeptFrames()


def _file_state(name: str) -> tuple[int, int]:
    """Returns the size and the time of the file; of a record, those of its shard."""
    path = name.rpartition("#")[0] if records.is_record(name) else name
    try:
        status = access.stat(path)
    # The reader gives the reason.
    except (OSError, ValueError):
        return 0, 0
    return status.st_size, status.st_mtime_ns
