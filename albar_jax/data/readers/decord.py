"""Reads long VP9 films with decord, which seeks to the keyframe before a frame.

Only these. The barcode films of tests/data show that `get_batch` returns wrong frames, or a wrong number of them, for
MPEG-4 with B-frames (AVI and MP4), H.264 in AVI or MPEG-TS, H.264 with open groups of pictures, trimmed MP4 files and
HEVC; nothing in the container's or codec's name tells such an H.264 file from a sound one. VP9 has no B-frames and no
open groups of pictures. Of a film of a minute, a clip in the middle costs a seventh of decoding it from its start; of a
short one it costs more, for whole pictures are converted.
"""

import functools
import importlib
import io

import numpy as np
from jaxtyping import UInt8

from albar_jax.data.readers.base import ChooseBox, DecodeError, check_indices, whole

# Names of container and codec, as ffmpeg calls them.
EXACT = ("matroska,webm", "vp9")
LONG = 600  # frames


@functools.cache
def available() -> bool:
    """Whether decord is installed: it has wheels for x86-64 only."""
    try:
        decord = importlib.import_module("decord")
    except ImportError:
        return False
    decord.logging.set_level(decord.logging.QUIET)
    return True


class DecordVideo:
    """A video file (or its bytes) of `count` frames opened with decord; see `readers.base.Video`."""

    def __init__(self, source: str | bytes, name: str, count: int):
        import decord

        self.name = name
        self._count = count
        self._error = decord.DECORDError
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        try:
            self._reader = decord.VideoReader(file, num_threads=1)
        except (self._error, RuntimeError) as error:
            raise DecodeError(f"{name}: {_reason(error)}") from error

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._reader = None

    def __len__(self) -> int:
        return self._count

    def read(self, indices, choose_box: ChooseBox = whole) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns boxes of frames (n, h, w, 3), RGB in 0..255; raises IndexError or DecodeError."""
        wanted = check_indices(indices, self._count, self.name)
        # Forward only: each jump back is a seek and decodes from a keyframe again.
        ordered, places = np.unique(wanted, return_inverse=True)
        try:
            frames = self._reader.get_batch(ordered).asnumpy()
        except (self._error, RuntimeError) as error:
            raise DecodeError(f"{self.name}: {_reason(error)}") from error
        top, left, height, width = choose_box(*frames.shape[1:3])
        return frames[places, top : top + height, left : left + width]


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
