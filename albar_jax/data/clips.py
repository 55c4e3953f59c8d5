"""Which frames of a video make a clip.

A clip is `length` frames at a stride, so it spans length * stride frames. Published code differs in two choices:

- `short`: a video with fewer frames than that is read at stride 1, and one shorter still repeats its last frame
  ("stretch", as in ALBAR App. B and its released code), or it keeps the stride and starts again from its first frame
  ("loop", as in mmaction2's SampleFrames, which StillMix uses).
- `starts`: the places where a clip may start are 0 to num_frames - length * stride without that last one ("exclusive",
  ALBAR), or with it ("inclusive", mmaction2). The centre clip of a video of odd length differs by one frame.
"""

from typing import Literal

import numpy as np
from jaxtyping import Int

Short = Literal["stretch", "loop"]
Starts = Literal["exclusive", "inclusive"]


def train_indices(
    num_frames: int,
    length: int,
    stride: int,
    rng: np.random.Generator,
    *,
    short: Short = "stretch",
    starts: Starts = "exclusive",
) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of a clip whose start is drawn from all places where it may start."""
    stride = fitting_stride(num_frames, length, stride, short)
    room = num_frames - length * stride + (starts == "inclusive")
    return _clip(num_frames, length, stride, int(rng.integers(max(1, room))), short)


def placed_indices(
    num_frames: int,
    length: int,
    stride: int,
    time: float,
    *,
    short: Short = "stretch",
    starts: Starts = "exclusive",
) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of the clip at `time`: 0 is the start of the video, 0.5 its centre, 1 its end."""
    stride = fitting_stride(num_frames, length, stride, short)
    last = max(0, num_frames - length * stride)
    room = last + 1 if starts == "inclusive" and num_frames >= length * stride else last
    return _clip(num_frames, length, stride, min(int(time * room), last), short)


def fitting_stride(num_frames: int, length: int, stride: int, short: Short = "stretch") -> int:
    """Returns the stride; 1 for a video that is too short for it and is stretched."""
    return 1 if short == "stretch" and num_frames < length * stride else stride


def _clip(num_frames: int, length: int, stride: int, start: int, short: Short) -> Int[np.ndarray, " t"]:
    frames = start + stride * np.arange(length)
    return frames % num_frames if short == "loop" else np.minimum(frames, num_frames - 1)
