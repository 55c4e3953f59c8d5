"""Opens any video and returns exactly the frames asked for.

PyAV reads whatever ffmpeg reads, from the first frame on, and is the measure of what is right. decord, where it is
installed, reads the files for which its seeking is exact; their pixels are the same.
"""

import os

import numpy as np
from jaxtyping import UInt8

from albar_jax.data.readers import decord
from albar_jax.data.readers.base import DecodeError, Video
from albar_jax.data.readers.pyav import PyAVVideo

__all__ = ["DecodeError", "Source", "Video", "num_frames", "open_video", "read_frames"]

Source = str | os.PathLike[str] | bytes


def open_video(source: Source) -> Video:
    """Opens a video, given its path or its encoded bytes; raises DecodeError with the path and the reason.

    Open one per clip, inside the worker that reads it: decoders do not survive a fork.
    """
    name = f"a video of {len(source)} bytes" if isinstance(source, bytes) else os.fspath(source)
    source = source if isinstance(source, bytes) else name
    video = PyAVVideo(source, name)
    if video.kind in decord.EXACT and decord.available() and video.upright():
        with video:
            return decord.DecordVideo(source, name, len(video))
    return video


def read_frames(source: Source, indices) -> UInt8[np.ndarray, "n h w 3"]:
    """Returns frames number `indices` (any order, repeats allowed), RGB uint8 (N, H, W, 3), turned upright.

    Raises IndexError for a number outside 0..num_frames - 1, DecodeError for a file that cannot be read.
    """
    with open_video(source) as video:
        return video.read(indices)


def num_frames(source: Source) -> int:
    """Returns how many frames can be read; raises DecodeError for a file that cannot be read."""
    with open_video(source) as video:
        return len(video)
