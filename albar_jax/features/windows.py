"""Cuts long films into windows, and names the usual ways to do so.

The network pools each window to one row of features. A window is `frames` frames at `stride`, at
the film's own rate, so that motion keeps the speed of the training clips.

- Centred windows lie around the middles of cells of `hop` frames. They repeat the first and the
  last frame where they reach past the film.
- Other windows start at frame 0, `hop`, 2 * `hop`, and so on. Frames after the end are black.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Int

from albar_jax.errors import UserError

Layout = Literal["plain", "mgfn", "tridet"]

# The number of a frame after the end of the film.
BLACK = -1


@dataclasses.dataclass(frozen=True)
class Windows:
    """The rule that cuts a film into windows.

    Attributes:
      frames: frames of a window, at least 1.
      stride: distance between two frames of a window, in frames of the film, at least 1.
      hop: distance between two windows, in frames of the film, at least 1.
      centred: True centres each window on its cell of `hop` frames; False starts the first window
        at frame 0.

    Raises:
      UserError: a number is less than 1.
    """

    frames: int
    stride: int
    hop: int
    centred: bool = True

    def __post_init__(self):
        for name in ("frames", "stride", "hop"):
            value = getattr(self, name)
            if value < 1:
                raise UserError(f"--{name} is {value}; it has to be at least 1")

    def rows(self, num_frames: int) -> int:
        """Returns the number of windows, T, of a film.

        Incomplete cells have no centred window, except in a film shorter than one cell.

        Args:
          num_frames: frames of the film, at least 1.
        """
        if self.centred:
            return max(1, num_frames // self.hop)
        return -(-num_frames // self.hop)

    def start(self, row: int) -> int:
        """Returns where a window starts, in frames; negative before the film."""
        if not self.centred:
            return row * self.hop
        return row * self.hop + self.hop // 2 - self.frames * self.stride // 2

    def numbers(self, num_frames: int) -> Int[np.ndarray, "t f"]:
        """Returns the frame numbers of all windows.

        Args:
          num_frames: frames of the film, at least 1.

        Returns:
          int (T, frames), from 0 to `num_frames` - 1; `BLACK` for a black frame.
        """
        rows = [self.row_numbers(row, num_frames) for row in range(self.rows(num_frames))]
        return np.stack(rows)

    def row_numbers(self, row: int, num_frames: int) -> Int[np.ndarray, " f"]:
        """Returns the frame numbers of one window; see `numbers`."""
        numbers = self.start(row) + self.stride * np.arange(self.frames)
        if self.centred:
            return np.clip(numbers, 0, num_frames - 1)
        return np.where(numbers < num_frames, numbers, BLACK)


# The length and speed that the network is trained with, at the resolution of the public features.
_DENSE = Windows(frames=32, stride=2, hop=16)
# "Privacy Beyond Pixels", which extracts features for both heads; ALBAR states no windows.
_AUTHOR = Windows(frames=16, stride=1, hop=16, centred=False)
# ALBAR's clips side by side.
_SPAN = Windows(frames=32, stride=2, hop=64, centred=False)

# The usual windows by name, for each layout of the features.
PRESETS: Mapping[str, Mapping[Layout, Windows]] = {
    "dense": {"plain": _DENSE, "mgfn": _DENSE, "tridet": dataclasses.replace(_DENSE, hop=4)},
    "author": {"plain": _AUTHOR, "mgfn": _AUTHOR, "tridet": _AUTHOR},
    "span": {"plain": _SPAN, "mgfn": _SPAN, "tridet": _SPAN},
}


def preset_windows(preset: str, layout: Layout, *, frames: int, stride: int) -> Windows:
    """Returns the windows of a preset for a network.

    All presets except `author` have the length and the speed of the network's clips, so that
    motion is not tested at another speed. `PRESETS` has the usual 32 frames at stride 2.

    Args:
      preset: name of the preset.
      layout: layout of the features.
      frames: frames of the network's clips.
      stride: stride of the network's clips.
    """
    usual = PRESETS[preset][layout]
    if usual == _AUTHOR:
        return usual

    hop = frames * stride if usual == _SPAN else usual.hop
    return Windows(frames, stride, hop, usual.centred)
