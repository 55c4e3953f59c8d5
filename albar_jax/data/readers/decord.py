"""Reads VP9 films with decord, if config.loader.decoder is "decord".

All other films are refused. For the following barcode films of tests/data, `get_batch` returns
wrong frames, or a wrong number of frames:

- MPEG-4 with B-frames, in AVI and MP4.
- H.264 in AVI or MPEG-TS, and H.264 with open groups of pictures. The names of container and codec
  do not identify such files.
- Trimmed MP4 files.
- HEVC.

VP9 has no B-frames and no open groups of pictures. decord hides damage that a decoder marks. PyAV
seeks to keyframes, too, and is faster, so decord is never the default.
"""

import functools
import importlib
import io
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8

from albar_jax.data.readers.base import ChooseBox, Clip, DecodeError, Shrink, check_indices, whole
from albar_jax.data.readers.geometry import turn_filters
from albar_jax.data.readers.pyav import PyAVVideo
from albar_jax.data.readers.streams import MATROSKA
from albar_jax.storage.budget import DEFAULT, Budget, BudgetError

# Names of container and codec, as ffmpeg calls them.
EXACT = (MATROSKA, "vp9")
# Pixels of the frames that are read at once.
CHUNK_PIXELS = 1 << 26


def unsuited(film: PyAVVideo) -> str | None:
    """Returns why decord's pixels of this film would differ from PyAV's, or None.

    decord ignores rotation. It converts odd sizes and more than 8 bits differently. It rescales
    frames of another size than the first, where PyAV refuses.
    """
    if not is_available():
        return "is not installed"
    if film.kind != EXACT:
        return "reads exactly only VP9 in WebM or Matroska"

    first = film.first()
    if first is None or not _is_plain(first) or film.crop:
        return (
            "reads exactly only pictures of 8 bits and even size that are neither cropped nor "
            "turned"
        )
    if not all(_has_size(packet, first.width, first.height) for packet in film.packets):
        return "reads exactly only pictures of one size"

    return None


def _is_plain(frame: av.VideoFrame) -> bool:
    """Returns whether a frame has 8 bits and an even size, and is upright."""
    is_even = frame.width % 2 == frame.height % 2 == 0
    return frame.format.name == "yuv420p" and is_even and not turn_filters(frame)


def _has_size(packet: av.Packet, width: int, height: int) -> bool:
    """Returns whether the first frame of a packet has this size, or the size of the frame before.

    Any other frame in the packet is the picture that is shown, predicted from the first one.

    Source: VP9 specification, 6.2 and 7.2.
    """
    bits = f"{int.from_bytes(bytes(packet)[:16].ljust(16, bytes(1))):0128b}"
    shows_existing, is_not_key, is_shown, is_resilient = (bit == "1" for bit in bits[4:8])
    if shows_existing:
        return True

    # The size follows a sync code of three bytes, color_space and color_range.
    if not is_not_key:
        return (int(bits[36:52], 2) + 1, int(bits[52:68], 2) + 1) == (width, height)

    at = 8
    if not is_shown:
        # A frame with intra_only states its own size.
        if bits[at] == "1":
            return False
        at += 1

    # Skips reset_frame_context.
    if not is_resilient:
        at += 2

    # Skips refresh_frame_flags and three references. The bit found_ref says that the size is the
    # size of the first reference, which is the last frame.
    return bits[at + 20] == "1"


@functools.cache
def is_available() -> bool:
    """Returns whether decord is installed; it has wheels for x86-64 only."""
    try:
        decord = importlib.import_module("decord")
    except ImportError:
        return False

    decord.logging.set_level(decord.logging.QUIET)
    return True


class DecordVideo:
    """A video file (or its bytes) opened with decord; see `readers.base.Video`.

    Args:
      source: path of the file, or its bytes.
      name: name of the video for messages.
      count: number of frames that PyAV finds.
      size: (height, width) of all frames.
      fps: average frames per second; None if the film has no times.
      budget: limits of one `read`.

    Raises:
      DecodeError: decord cannot open the film, or finds another number of frames.
    """

    def __init__(
        self,
        source: str | bytes,
        name: str,
        count: int,
        *,
        size: tuple[int, int],
        fps: float | None = None,
        budget: Budget = DEFAULT,
    ):
        import decord

        self.name = name
        self.fps = fps
        self._size = size
        self._budget = budget
        self._count = count
        self._error = decord.DECORDError

        file = io.BytesIO(source) if isinstance(source, bytes) else source
        try:
            self._reader: Any = decord.VideoReader(file, num_threads=1)
        except (self._error, RuntimeError) as error:
            raise DecodeError(f"{name}: {_reason(error)}") from error
        if len(self._reader) != count:
            raise DecodeError(f"{name}: it finds {len(self._reader)} of {count} frames")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._reader = None

    def __len__(self) -> int:
        return self._count

    def read(
        self, indices, choose_box: ChooseBox = whole, shrink: Shrink | None = None
    ) -> UInt8[np.ndarray, "n h w 3"]:
        """Returns boxes of frames (n, h, w, 3), RGB in 0..255; raises IndexError or DecodeError."""
        clip = Clip(check_indices(indices, self._count, self.name), shrink)
        # Forward only: each jump back is a seek and decodes from a keyframe again.
        ordered = sorted(clip.missing)
        step = max(1, CHUNK_PIXELS // (self._size[0] * self._size[1]))

        try:
            self._budget.check_pixels(len(ordered), *self._size)
            top, left, height, width = choose_box(*self._size)
            for start in range(0, len(ordered), step):
                numbers = ordered[start : start + step]
                frames = self._reader.get_batch(numbers).asnumpy()
                for number, frame in zip(numbers, frames, strict=True):
                    clip.put(number, frame[top : top + height, left : left + width])
        except BudgetError as error:
            raise DecodeError(f"{self.name}: {error}") from error
        except (self._error, RuntimeError) as error:
            raise DecodeError(f"{self.name}: {_reason(error)}") from error

        return clip.frames


def _reason(error: Exception) -> str:
    """Returns the first line of a message; decord adds a stack trace."""
    return str(error).strip().splitlines()[0]
