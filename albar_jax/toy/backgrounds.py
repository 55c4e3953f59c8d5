"""Draws dark, still backgrounds: eight families for training clips, and two novel kinds.

The families are periodic, so that a clip can be shifted on the torus without a seam.
"""

import colorsys
from collections.abc import Callable
from typing import cast

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from albar_jax.toy.raster import average_subpixels, fine_coordinates, torus_offset

Picture = Float[np.ndarray, "size size 3"]
# Subpixel coordinates along the columns and along the rows.
Columns = Float[np.ndarray, "1 w"]
Rows = Float[np.ndarray, "h 1"]
# Draws a pattern in 0..1 or of bools, given a random generator and coordinates x and y.
Pattern = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]

MAX_VALUE = 0.55
NOISE_SD = 0.02


def _checker(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    cells = rng.choice([4, 6])
    return (np.floor(x * cells) + np.floor(y * cells)) % 2


def _dots(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    count = rng.integers(4, 7)
    return np.hypot(x * count % 1 - 0.5, y * count % 1 - 0.5) < rng.uniform(0.25, 0.33)


def _bricks(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    rows = rng.choice([6, 8])
    columns = rng.integers(3, 5)
    across = x * columns + 0.5 * (np.floor(y * rows) % 2)
    return (across % 1 > 0.14) & (y * rows % 1 > 0.25)


def _noise(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    return _stretch(_smooth_noise(rng, rng.integers(6, 10), x, y))


def _zigzag(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    teeth = rng.integers(3, 5)
    bands = rng.integers(4, 6)
    return (y * bands + 1.2 * abs(x * teeth % 1 - 0.5)) % 1 < 0.5


def _rings(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    distance = np.hypot(torus_offset(x, np.float32(0.5)), torus_offset(y, np.float32(0.5)))
    return np.sin(2 * np.pi * rng.uniform(5, 7) * distance) > 0


def _grid(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    count = rng.integers(4, 7)
    width = rng.uniform(0.18, 0.26)
    return (x * count % 1 < width) | (y * count % 1 < width)


def _gradient(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    waves_x, waves_y = ((1, 0), (0, 1), (1, 1), (1, -1))[rng.integers(4)]
    return 0.5 + 0.5 * np.cos(2 * np.pi * (waves_x * x + waves_y * y))


PATTERNS: dict[str, Pattern] = {
    "checker": _checker,
    "dots": _dots,
    "bricks": _bricks,
    "noise": _noise,
    "zigzag": _zigzag,
    "rings": _rings,
    "grid": _grid,
    "gradient": _gradient,
}


def draw(rng: np.random.Generator, family: str, size: int) -> Picture:
    """Draws a background of a family: its hue in a dark and a lighter tone, with fixed grain.

    Args:
      rng: random generator.
      family: a key of PATTERNS.
      size: side of the image in pixels.

    Returns:
      Colors, float32 (size, size, 3). The HSV value is at most MAX_VALUE before grain of standard
      deviation NOISE_SD is added.
    """
    # Each family has its own range of hues; the ranges do not overlap.
    hue = (tuple(PATTERNS).index(family) / len(PATTERNS) + rng.uniform(-0.04, 0.04)) % 1.0
    dark = colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 0.9), rng.uniform(0.1, 0.22))
    light = colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 0.9), rng.uniform(0.4, MAX_VALUE))

    x, y = _shifted_plane(rng, size)
    pattern = average_subpixels(PATTERNS[family](rng, x, y))
    picture = _paint(pattern, dark, light)

    # Grain differs from clip to clip, so that no two backgrounds are equal.
    grain = rng.normal(0.0, NOISE_SD, picture.shape).astype(np.float32)
    return np.clip(picture + grain, 0.0, 1.0)


def draw_sinusoid(rng: np.random.Generator, size: int) -> Picture:
    """Draws a wave of 2 to 6 cycles in a random direction between two dark colors.

    Returns:
      Colors, float32 (size, size, 3).
    """
    position = fine_coordinates(size)
    # Any direction and frequency, unlike the families.
    angle = rng.uniform(0, 2 * np.pi)
    cycles = rng.uniform(2, 6)
    along = np.cos(angle) * position[None, :] + np.sin(angle) * position[:, None]
    wave = np.sin(2 * np.pi * (cycles * along + rng.uniform()))

    low, high = rng.uniform(0.05, 0.5, (2, 3))
    return _paint(average_subpixels(0.5 + 0.5 * wave), low, high)


def draw_octaves(rng: np.random.Generator, size: int) -> Picture:
    """Draws colored noise of four octaves, times a factor of 0.35 to 0.6.

    Each octave has half the amplitude of the next coarser one.

    Returns:
      Colors, float32 (size, size, 3), 0 to 0.6.
    """
    x, y = _shifted_plane(rng, size)
    # The weights sum to 1.
    weights = {2**k: np.float32(2.0**-k / (15 / 32)) for k in (2, 3, 4, 5)}
    channels = []
    for _ in range(3):
        octaves = (weight * _smooth_noise(rng, cells, x, y) for cells, weight in weights.items())
        # `sum` begins with 0, but there are octaves.
        channels.append(average_subpixels(cast(np.ndarray, sum(octaves))))
    return np.stack(channels, axis=-1) * np.float32(rng.uniform(0.35, 0.6))


def _shifted_plane(rng: np.random.Generator, size: int) -> tuple[Columns, Rows]:
    """Returns subpixel coordinates x (1, W) and y (H, 1) on the torus, with a random origin."""
    origin_x, origin_y = rng.uniform(size=2).astype(np.float32)
    position = fine_coordinates(size)
    return ((position + origin_x) % 1)[None, :], ((position + origin_y) % 1)[:, None]


def _paint(pattern: Float[np.ndarray, "size size"], low: ArrayLike, high: ArrayLike) -> Picture:
    """Colors a pattern, 0 to 1, from low to high."""
    weight = pattern[..., None]
    return (1 - weight) * np.asarray(low, np.float32) + weight * np.asarray(high, np.float32)


def _smooth_noise(
    rng: np.random.Generator, cells: int | np.integer, x: Columns, y: Rows
) -> Float[np.ndarray, "h w"]:
    """Draws value noise: uniform values on a periodic lattice of cells x cells, interpolated."""
    lattice = rng.uniform(size=(cells, cells)).astype(np.float32)
    columns = _interpolate(lattice.T, x.ravel() * cells).T
    return _interpolate(columns, y.ravel() * cells)


def _interpolate(
    values: Float[np.ndarray, "n m"], position: Float[np.ndarray, " p"]
) -> Float[np.ndarray, "p m"]:
    """Interpolates smoothly between rows; the first row follows the last one.

    Args:
      values: the rows, float (N, M).
      position: positions between the rows, 0 to N, float (P,).
    """
    below = position.astype(np.int64)
    fraction = (position - below)[:, None]
    # A smoothstep, whose slope is 0 at the lattice points.
    weight = fraction * fraction * (3 - 2 * fraction)
    return values[below % len(values)] * (1 - weight) + values[(below + 1) % len(values)] * weight


def _stretch(values: np.ndarray) -> np.ndarray:
    """Maps values linearly to 0..1."""
    return (values - values.min()) / (values.max() - values.min())
