"""Writes short clips as video files without inter-frame compression."""

import os

import av
import numpy as np
from jaxtyping import UInt8

# The quantiser is fixed. Rate control would coarsen it from frame to frame: eight equal frames
# would decode to eight different ones, and a static clip would no longer be static.
_CODEC_OPTIONS = {
    "qmin": "1",
    "qmax": "1",
    # Twice as fast as optimal tables, 15 % larger.
    "huffman": "default",
    "threads": "1",
    "flags": "+bitexact",
}
# Leaves the library's version out of the header, so that the same frames make the same bytes.
_MUXER_OPTIONS = {"fflags": "+bitexact"}


def write_mjpeg(
    path: str | os.PathLike,
    frames: UInt8[np.ndarray, "t h w 3"],
    *,
    frames_per_second: int = 8,
) -> None:
    """Writes frames to an AVI of separate JPEG images with full color resolution.

    Equal frames give equal packets, and equal clips give equal files. The file is not written
    atomically, because the whole data set is moved into place at the end.

    Args:
      path: path of the file.
      frames: uint8 RGB (T, H, W, 3).
      frames_per_second: frame rate.
    """
    _, height, width, _ = frames.shape
    url = f"file:{os.fspath(path)}"

    with av.open(url, "w", format="avi", options=_MUXER_OPTIONS) as container:
        stream = container.add_stream("mjpeg", rate=frames_per_second, options=_CODEC_OPTIONS)
        stream.width = width
        stream.height = height
        stream.pix_fmt = "yuvj444p"

        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
