"""Writes clips frame by frame: as a .zip of JPEGs, which ALBAR reads, or as an H.264 video.

Clips that must be exact are a .zip of PNGs.

The same frames give the same bytes. A file appears under its final name once it is complete.
"""

import contextlib
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from albar_jax.files import replacing

ClipFormat = Literal["zip", "mp4"]

# Name of a frame in a .zip. Frames are numbered from 1, as in StillMix.
FRAME = "frame{:06d}.jpg"
_LOSSLESS_FRAME = "frame{:06d}.png"
# The default of imageio, with which the published frames were written.
JPEG_QUALITY = 75

_FINE_JPEG = (
    cv2.IMWRITE_JPEG_QUALITY,
    98,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)
# Visually lossless. The bytes would depend on the number of threads. They would also depend on old
# contents of memory, from which x264 computes a part of its macroblock tree.
_H264 = {
    "crf": "8",
    "preset": "fast",
    "threads": "1",
    "flags": "+bitexact",
    "x264-params": "mbtree=0",
}
_FRAMES_PER_SECOND = 30

# Appends frames, uint8 RGB (T, H, W, 3), to an open clip.
AddFrames = Callable[[np.ndarray], None]


@contextlib.contextmanager
def open_clip(path: Path, form: ClipFormat) -> Iterator[AddFrames]:
    """Opens a clip for writing.

    The file is moved to `path` if the context ends without an exception.

    Args:
      path: path of the clip.
      form: "zip" for an archive of JPEGs, "mp4" for a video.

    Yields:
      A function that appends frames, uint8 RGB (T, H, W, 3).
    """
    with replacing(path) as temporary:
        if form == "zip":
            with _open_zip(temporary, FRAME, encode_jpeg) as add:
                yield add
        else:
            with _open_video(temporary) as add:
                yield add


@contextlib.contextmanager
def open_lossless_clip(path: Path) -> Iterator[AddFrames]:
    """Opens a .zip of PNGs for writing, as `open_clip` does.

    Yields:
      A function that appends frames, uint8 (T, H, W, 3) in RGB or (T, H, W, 1) in gray.
    """
    with replacing(path) as temporary, _open_zip(temporary, _LOSSLESS_FRAME, encode_png) as add:
        yield add


def encode_jpeg(frame: UInt8[np.ndarray, "h w 3"], *, fine: bool = False) -> bytes:
    """Encodes a frame as JPEG.

    Args:
      frame: colors, uint8 RGB (H, W, 3).
      fine: False for the quality of the published frames; True for no visible loss.
    """
    options = _FINE_JPEG if fine else (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()


def encode_png(frame: UInt8[np.ndarray, "h w channels"]) -> bytes:
    """Encodes a frame without loss.

    Args:
      frame: colors, uint8 (H, W, 3) in RGB or (H, W, 1) in gray.
    """
    picture = frame
    if frame.shape[-1] == 3:
        picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    # More compression takes much time and saves little.
    _, encoded = cv2.imencode(".png", picture, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    return encoded.tobytes()


@contextlib.contextmanager
def _open_zip(
    path: Path, name_of_frame: str, encode: Callable[[np.ndarray], bytes]
) -> Iterator[AddFrames]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def add(frames: np.ndarray) -> None:
            for frame in frames:
                name = name_of_frame.format(len(archive.infolist()) + 1)

                # A fixed date and fixed permissions, so that the same frames give the same bytes.
                member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                member.external_attr = 0o644 << 16

                archive.writestr(member, encode(frame))

        yield add


@contextlib.contextmanager
def _open_video(path: Path) -> Iterator[AddFrames]:
    url = f"file:{os.fspath(path)}"

    with av.open(url, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=_FRAMES_PER_SECOND, options=_H264)

        def add(frames: np.ndarray) -> None:
            _, stream.height, stream.width, _ = frames.shape
            # Color at half resolution would blur the actor's edges, and needs even sides.
            stream.pix_fmt = "yuv444p"

            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))

        yield add

        container.mux(stream.encode())
