"""Dark, still backgrounds: eight families to learn by heart, and two kinds that no training clip has.

The families are periodic, so that rolling a clip on the torus leaves no seam.
"""

import colorsys
from collections.abc import Callable

import numpy as np

from albar_jax.toy.raster import average_subpixels, fine_coordinates, torus_offset

Pattern = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]

MAX_VALUE = 0.55
NOISE_SD = 0.02


def _checker(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    cells = rng.choice([4, 6])
    return (np.floor(x * cells) + np.floor(y * cells)) % 2


def _dots(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    count = rng.integers(4, 7)
    return np.hypot(x * count % 1 - 0.5, y * count % 1 - 0.5) < rng.uniform(0.25, 0.33)


def _bricks(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rows, columns = rng.choice([6, 8]), rng.integers(3, 5)
    across = x * columns + 0.5 * (np.floor(y * rows) % 2)
    return (across % 1 > 0.14) & (y * rows % 1 > 0.25)


def _noise(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _stretch(_smooth_noise(rng, rng.integers(6, 10), x, y))


def _zigzag(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    teeth, bands = rng.integers(3, 5), rng.integers(4, 6)
    return (y * bands + 1.2 * abs(x * teeth % 1 - 0.5)) % 1 < 0.5


def _rings(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    distance = np.hypot(torus_offset(x, np.float32(0.5)), torus_offset(y, np.float32(0.5)))
    return np.sin(2 * np.pi * rng.uniform(5, 7) * distance) > 0


def _grid(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    count, width = rng.integers(4, 7), rng.uniform(0.18, 0.26)
    return (x * count % 1 < width) | (y * count % 1 < width)


def _gradient(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
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


def draw(rng: np.random.Generator, family: str, size: int) -> np.ndarray:
    """Draws a background of one family (a key of PATTERNS): its hue, a dark and a less dark tone, fixed grain.

    Returns float32 (size, size, 3); value at most MAX_VALUE before grain of standard deviation NOISE_SD.
    """
    hue = (tuple(PATTERNS).index(family) / len(PATTERNS) + rng.uniform(-0.04, 0.04)) % 1.0
    dark = colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 0.9), rng.uniform(0.1, 0.22))
    light = colorsys.hsv_to_rgb(hue, rng.uniform(0.6, 0.9), rng.uniform(0.4, MAX_VALUE))
    x, y = _shifted_plane(rng, size)
    picture = _paint(average_subpixels(PATTERNS[family](rng, x, y)), dark, light)
    grain = rng.normal(0.0, NOISE_SD, picture.shape).astype(np.float32)
    return np.clip(picture + grain, 0.0, 1.0)


def draw_sinusoid(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws a wave of 2 to 6 cycles in a random direction between two dark colours, float32 (size, size, 3)."""
    position = fine_coordinates(size)
    angle, cycles = rng.uniform(0, 2 * np.pi), rng.uniform(2, 6)
    along = np.cos(angle) * position[None, :] + np.sin(angle) * position[:, None]
    wave = np.sin(2 * np.pi * (cycles * along + rng.uniform()))
    low, high = rng.uniform(0.05, 0.5, (2, 3))
    return _paint(average_subpixels(0.5 + 0.5 * wave), low, high)


def draw_octaves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws coloured noise of four octaves, each half as strong as the coarser one, times .35 to .6.

    Returns float32 (size, size, 3) in 0..0.6.
    """
    x, y = _shifted_plane(rng, size)
    weights = {2**k: np.float32(2.0**-k / (15 / 32)) for k in (2, 3, 4, 5)}  # they sum to 1
    layers = [
        sum(weight * _smooth_noise(rng, cells, x, y) for cells, weight in weights.items())
        for _ in range(3)
    ]
    return np.stack([average_subpixels(layer) for layer in layers], axis=-1) * np.float32(
        rng.uniform(0.35, 0.6)
    )


def _shifted_plane(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns subpixel coordinates x (1, W) and y (H, 1) on the torus, with a random origin."""
    origin_x, origin_y = rng.uniform(size=2).astype(np.float32)
    position = fine_coordinates(size)
    return ((position + origin_x) % 1)[None, :], ((position + origin_y) % 1)[:, None]


def _paint(pattern: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Colours a pattern (H, W) in 0..1 from low to high."""
    weight = pattern[..., None]
    return (1 - weight) * np.asarray(low, np.float32) + weight * np.asarray(high, np.float32)


def _smooth_noise(rng: np.random.Generator, cells: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Value noise: uniform values on a periodic lattice of cells x cells, smoothly interpolated."""
    lattice = rng.uniform(size=(cells, cells)).astype(np.float32)
    columns = _interpolate(lattice.T, x.ravel() * cells).T
    return _interpolate(columns, y.ravel() * cells)


def _interpolate(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Returns the rows of values (N, M) at positions (P,) in 0..N, smoothly between rows, around the end: (P, M)."""
    below = position.astype(np.int64)
    part = (position - below)[:, None]
    weight = part * part * (3 - 2 * part)
    return values[below % len(values)] * (1 - weight) + values[(below + 1) % len(values)] * weight


def _stretch(values: np.ndarray) -> np.ndarray:
    """Maps the values linearly onto 0..1."""
    return (values - values.min()) / (values.max() - values.min())
