"""Measures optical flow between frames of a video. (DIS, Kroeger et al., 2016)"""

import contextlib
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from albar_jax.data.decode import DecodeError

# DIS matches patches of 8 pixels at half resolution, so smaller pictures are enlarged.
_MIN_SIDE = 128
_MAX_ENLARGEMENT = 8


def measure(
    earlier: UInt8[np.ndarray, "h w 3"], later: UInt8[np.ndarray, "h w 3"], shape: tuple[int, int]
) -> Float32[np.ndarray, "rows columns 2"]:
    """Measures how the contents of a frame move to the next frame.

    Args:
      earlier: a frame, uint8 RGB (H, W, 3).
      later: the next frame, of the same size.
      shape: (rows, columns) of the grid on which the flow is wanted, at most (H, W).

    Returns:
      The displacement (down, right) of each cell of the grid, in cells, float32
      (rows, columns, 2).

    Raises:
      DecodeError: the frames are too small.
    """
    rows, columns = shape
    enlargement = min(max(1, -(-_MIN_SIDE // min(shape))), _MAX_ENLARGEMENT)
    size = columns * enlargement, rows * enlargement
    pictures = [_gray(frame, size) for frame in (earlier, later)]

    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # The first guess of the flow.
    guess = np.zeros((size[1], size[0], 2), np.float32)
    try:
        with _one_thread():
            flow = dis.calc(pictures[0], pictures[1], guess)
    except cv2.error as error:
        height, width, _ = earlier.shape
        raise DecodeError(f"its frames of {width} x {height} are too small for optical flow") from (
            error
        )

    flow = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA)
    # From (right, down) in pixels of the picture.
    return flow[..., ::-1] / np.float32(enlargement)


def _gray(frame: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "h w"]:
    """Returns a frame in gray, resized to (width, height)."""
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    is_smaller = size[0] <= gray.shape[1] and size[1] <= gray.shape[0]
    interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
    return cv2.resize(gray, size, interpolation=interpolation)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Limits OpenCV to one thread: DIS divides a picture by threads, and results may differ."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
