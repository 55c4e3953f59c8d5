"""Carries noise along optical flow so that every single frame remains pure noise.

Each cell of a grid holds one grain of noise with its own random color. From frame to frame a grain
moves with the flow, by fractions of a cell, and is shown in the nearest cell. Three rules keep
every frame independent and identically distributed noise, whatever the flow:

- a color is never interpolated, because a mean of colors has less contrast,
- a grain is never copied: a cell shows one grain, and a grain is shown in one cell,
- which grains move where, and which survive, depends on the flow alone, never on colors.

So the colors of a frame are a selection of independent colors, each used once, by a rule that has
not seen them. A selection of this kind has the distribution of fresh noise. A cell that no grain
reaches gets a new grain. Where grains meet, the oldest survives, so that it can be followed for
long. Of equally old grains, the fastest survives, because an actor mostly moves faster than the
scenery that it covers.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

# Number of color channels.
CHANNELS = {"gray": 1, "color": 3}


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """The moves of all grains from one frame to the next.

    Attributes:
      source: number of the cell from which the grain of each cell comes, row by row from 0, int64
        (rows, columns); -1 for a new grain.
      offset: position of each grain relative to the center of its cell (down, right), in cells,
        float32 (rows, columns, 2), -0.5 to 0.5.
    """

    source: Int[np.ndarray, "rows columns"]
    offset: Float32[np.ndarray, "rows columns 2"]

    @property
    def is_new(self) -> Bool[np.ndarray, "rows columns"]:
        """The cells with a new grain."""
        return self.source < 0

    @property
    def is_moving(self) -> Bool[np.ndarray, "rows columns"]:
        """The cells with a new grain or a grain of another cell."""
        return self.source != np.arange(self.source.size).reshape(self.source.shape)


def move(
    offset: Float32[np.ndarray, "rows columns 2"],
    age: Int[np.ndarray, "rows columns"],
    flow: Float32[np.ndarray, "rows columns 2"],
) -> Step:
    """Moves the grains of all cells by the flow at their cells.

    Args:
      offset: position of each grain relative to the center of its cell (down, right), in cells.
      age: number of frames since each grain was new.
      flow: displacement of each cell (down, right), in cells, finite.
    """
    shape = flow.shape[:2]
    displacement = (offset + flow).reshape(-1, 2)
    # In whole cells. Positions in the frame would round differently from place to place.
    whole = np.floor(displacement + np.float32(0.5))
    target = np.indices(shape).reshape(2, -1).T + whole
    is_inside = np.all((target >= 0) & (target < shape), axis=-1)

    # The oldest and fastest grain comes last, and the last assignment to a cell stays.
    order = np.lexsort(((flow**2).sum(-1).ravel(), age.ravel()))
    order = order[is_inside[order]]
    row, column = target[order].astype(np.int64).T
    source = np.full(shape, -1)
    source[row, column] = order

    rest = (displacement - whole)[source]
    return Step(source, np.where((source < 0)[..., None], np.float32(0), rest))


class CarriedNoise:
    """Noise on a grid that moves with the flow.

    Args:
      rng: random generator of the colors.
      shape: (rows, columns) of the grid.
      channels: number of color channels.

    Attributes:
      colors: the current frame, one color per cell, uint8 (rows, columns, channels).
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int], channels: int):
        self._rng = rng
        self._offset = np.zeros((*shape, 2), np.float32)
        self._age = np.zeros(shape, np.int64)
        self.colors: UInt8[np.ndarray, "rows columns channels"] = self._draw(*shape, channels)

    def advance(self, flow: Float32[np.ndarray, "rows columns 2"]) -> Step:
        """Moves the noise to the next frame.

        Args:
          flow: displacement of each cell (down, right), in cells.

        Returns:
          The moves of the grains.
        """
        step = move(self._offset, self._age, flow)
        channels = self.colors.shape[-1]

        colors = self.colors.reshape(-1, channels)[step.source]
        # In the order of the cells, row by row.
        colors[step.is_new] = self._draw(int(step.is_new.sum()), channels)

        self.colors = colors
        self._offset = step.offset
        self._age = np.where(step.is_new, 0, self._age.ravel()[step.source] + 1)
        return step

    def _draw(self, *shape: int) -> np.ndarray:
        return self._rng.integers(0, 256, shape, np.uint8)
