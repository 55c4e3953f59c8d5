"""Writes clips frame by frame: as a .zip of JPEGs, as ALBAR reads them, or as a film.

The same frames make the same bytes. A file appears under its name only once it is whole.
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

from albar_jax.files import replacing

Format = Literal["zip", "mp4"]
FRAME = "frame{:06d}.jpg"  # in a .zip, from 1, as StillMix names them
# imageio's, with which the published frames were written.
JPEG_QUALITY = 75
_FINE_JPEG = (
    cv2.IMWRITE_JPEG_QUALITY,
    98,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)
# Visually lossless. The number of threads would change the bytes, and so would what the memory held before: x264's tree
# of macroblocks is computed from some of that.
_H264 = {
    "crf": "8",
    "preset": "fast",
    "threads": "1",
    "flags": "+bitexact",
    "x264-params": "mbtree=0",
}
_FRAMES_PER_SECOND = 30

AddFrames = Callable[[np.ndarray], None]


@contextlib.contextmanager
def open_clip(path: Path, form: Format) -> Iterator[AddFrames]:
    """Yields a function that appends frames, uint8 RGB (T, H, W, 3); the clip is there when the context ends well."""
    with (
        replacing(path) as temporary,
        (_open_zip if form == "zip" else _open_film)(temporary) as add,
    ):
        yield add


def encode_jpeg(frame: np.ndarray, *, fine: bool = False) -> bytes:
    """Encodes a frame, uint8 RGB (H, W, 3): as the published ones are, or so that the loss cannot be seen."""
    options = _FINE_JPEG if fine else (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    return cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)[1].tobytes()


@contextlib.contextmanager
def _open_zip(path: Path) -> Iterator[AddFrames]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def add(frames: np.ndarray) -> None:
            for frame in frames:
                # Of a set date, and of no user: the file says nothing of when and where it was made.
                member = zipfile.ZipInfo(
                    FRAME.format(len(archive.infolist()) + 1), (1980, 1, 1, 0, 0, 0)
                )
                member.external_attr = 0o644 << 16
                archive.writestr(member, encode_jpeg(frame))

        yield add


@contextlib.contextmanager
def _open_film(path: Path) -> Iterator[AddFrames]:
    with av.open(
        f"file:{os.fspath(path)}", "w", format="mp4", options={"fflags": "+bitexact"}
    ) as container:
        stream = container.add_stream("libx264", rate=_FRAMES_PER_SECOND, options=_H264)

        def add(frames: np.ndarray) -> None:
            _, stream.height, stream.width, _ = frames.shape
            # Halved colour would blur the edges of the actor, and needs even sides.
            stream.pix_fmt = "yuv444p"
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))

        yield add
        container.mux(stream.encode())
