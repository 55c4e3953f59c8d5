"""Opens any video and returns exactly the frames asked for.

PyAV reads whatever ffmpeg reads. (decord, which is made for this, returns wrong frames or a wrong number of them for
MPEG-4 with B-frames, H.264 in AVI or MPEG-TS or with open groups of pictures, trimmed MP4 files and HEVC, all of which
the barcode films of tests/data show; where it is exact, VP8 and VP9, it is slower and hides a change of the picture's
size.) Folders and archives of images, and single images, are told from films by how they begin: suffixes lie.
"""

import os

import numpy as np
from jaxtyping import UInt8

from albar_jax.data import records
from albar_jax.data.readers import frames
from albar_jax.data.readers.base import DecodeError, Video, first_bytes
from albar_jax.data.readers.pyav import PyAVVideo

__all__ = ["DecodeError", "Source", "Video", "num_frames", "open_video", "read_frames"]

Source = str | os.PathLike[str] | bytes


def open_video(source: Source) -> Video:
    """Opens a video, given its path or its encoded bytes; raises DecodeError with the path and the reason.

    A video is a film, a folder or .zip of numbered images, or one image; or a record that holds one, see `records`.
    Open one per clip, inside the worker that reads it: decoders do not survive a fork.
    """
    if isinstance(source, bytes):
        return _open(source, f"a video of {len(source)} bytes")
    path = os.fspath(source)
    if records.is_record(path):
        return _open(records.read(path), path)
    if os.path.isdir(path):
        return frames.open_folder(path)
    return _open(path, path)


def _open(source: str | bytes, name: str) -> Video:
    start = source[:16] if isinstance(source, bytes) else first_bytes(source)
    if start.startswith(frames.ZIP):
        return frames.open_zip(source, name)
    if start.startswith(frames.IMAGE):
        return frames.open_image(source, name)
    return PyAVVideo(source, name)


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
