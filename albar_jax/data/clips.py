"""Selects the frame numbers of a clip.

A clip of `length` frames at a stride spans length * stride frames. Published code differs in two
rules:

- `short`: for a video with fewer frames, "stretch" reads at stride 1 and then repeats the last
  frame (ALBAR App. B and its released code). "loop" keeps the stride and starts again at frame 0
  (mmaction2's SampleFrames, which StillMix uses).
- `starts`: a clip may start at frames 0 to num_frames - length * stride, without the last one
  ("exclusive", ALBAR) or with it ("inclusive", mmaction2). The centre clip of a video of odd length
  differs by one frame.
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
    """Returns the frame numbers of a clip with a random start.

    Args:
      num_frames: frames of the video, at least 1.
      length: frames of the clip.
      stride: distance between two frames of the clip.
      rng: source of the random start.
      short: rule for short videos.
      starts: rule for the last start.

    Returns:
      Frame numbers from 0 to `num_frames` - 1, int (length,).
    """
    stride = fitting_stride(num_frames, length, stride, short)
    room = num_frames - length * stride + (starts == "inclusive")
    start = int(rng.integers(max(1, room)))

    return _clip(num_frames, length, stride, start, short)


def placed_indices(
    num_frames: int,
    length: int,
    stride: int,
    time: float,
    *,
    short: Short = "stretch",
    starts: Starts = "exclusive",
) -> Int[np.ndarray, " t"]:
    """Returns the frame numbers of the clip at a given time.

    Args:
      num_frames: frames of the video, at least 1.
      length: frames of the clip.
      stride: distance between two frames of the clip.
      time: position of the clip: 0 is the start of the video, 0.5 its centre, 1 its end.
      short: rule for short videos.
      starts: rule for the last start.

    Returns:
      Frame numbers from 0 to `num_frames` - 1, int (length,).
    """
    stride = fitting_stride(num_frames, length, stride, short)
    last = max(0, num_frames - length * stride)

    room = last
    if starts == "inclusive" and num_frames >= length * stride:
        room = last + 1
    start = min(int(time * room), last)

    return _clip(num_frames, length, stride, start, short)


def fitting_stride(num_frames: int, length: int, stride: int, short: Short = "stretch") -> int:
    """Returns the stride, or 1 if the video is too short and `short` is "stretch"."""
    if short == "stretch" and num_frames < length * stride:
        return 1
    return stride


def _clip(
    num_frames: int, length: int, stride: int, start: int, short: Short
) -> Int[np.ndarray, " t"]:
    frames = start + stride * np.arange(length)

    # Beyond the end of a short video: starts again, or repeats the last frame.
    if short == "loop":
        return frames % num_frames
    return np.minimum(frames, num_frames - 1)
