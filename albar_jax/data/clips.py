"""Which frames of a video make a clip.

A clip is `length` frames at a stride. A video shorter than length * stride frames is read at stride 1, and one shorter
still repeats its last frame. (ALBAR App. B and its released code.)
"""

import numpy as np
from jaxtyping import Int


def train_indices(num_frames: int, length: int, stride: int, rng: np.random.Generator) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of a clip that starts anywhere in [0, max(1, num_frames - length * stride))."""
    stride = fitting_stride(num_frames, length, stride)
    return _clip(num_frames, length, stride, int(rng.integers(max(1, num_frames - length * stride))))


def placed_indices(num_frames: int, length: int, stride: int, time: float) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of the clip at `time`: 0 is the start of the video, 0.5 its centre, 1 its end."""
    stride = fitting_stride(num_frames, length, stride)
    return _clip(num_frames, length, stride, int(time * max(0, num_frames - length * stride)))


def fitting_stride(num_frames: int, length: int, stride: int) -> int:
    """Returns the stride, or 1 for a video that is too short for it."""
    return stride if num_frames >= length * stride else 1


def _clip(num_frames: int, length: int, stride: int, start: int) -> Int[np.ndarray, " t"]:
    return np.minimum(start + stride * np.arange(length), num_frames - 1)
