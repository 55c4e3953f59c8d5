"""The patterns of backgrounds, as formulas.

They are periodic, so that a clip can be shifted on the torus without a seam.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from albar_jax.toy.raster import torus_offset
from albar_jax.toy.value_noise import Columns, Rows, smooth_noise, stretch

# Draws a pattern in 0..1 or of bools, given a random generator and coordinates x and y.
Pattern = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]


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
    return stretch(smooth_noise(rng, rng.integers(6, 10), x, y))


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


def _stripes(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    return y * rng.integers(4, 7) % 1 < rng.uniform(0.35, 0.5)


def _bars(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    return x * rng.integers(4, 7) % 1 < rng.uniform(0.35, 0.5)


def _diagonals(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    count = rng.integers(3, 5)
    return (x * count + y * count) % 1 < rng.uniform(0.4, 0.55)


def _crosses(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    count = rng.integers(3, 6)
    across, down = abs(x * count % 1 - 0.5), abs(y * count % 1 - 0.5)
    return (np.minimum(across, down) < 0.13) & (np.maximum(across, down) < 0.4)


def _scales(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    rows = rng.choice([4, 6])
    columns = rng.integers(3, 5)
    across = (x * columns + 0.5 * (np.floor(y * rows) % 2)) % 1 - 0.5
    return abs(np.hypot(across, y * rows % 1) - 0.5) < 0.14


def _spots(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    nearest, _ = _nearest_two(rng.uniform(size=(24, 2)), x, y)
    return nearest < rng.uniform(0.045, 0.06)


def _cells(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    nearest, second = _nearest_two(rng.uniform(size=(10, 2)), x, y)
    return second - nearest < rng.uniform(0.04, 0.06)


def _waves(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    ripples = 0.35 * np.sin(2 * np.pi * rng.integers(2, 4) * x)
    return (y * rng.integers(3, 5) + ripples) % 1 < 0.5


def _lattice(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    count = rng.integers(3, 5)
    return abs(abs(x * count % 1 - 0.5) + abs(y * count % 1 - 0.5) - 0.5) < 0.12


def _weave(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    cells = rng.choice([4, 6])
    is_upright = (np.floor(x * cells) + np.floor(y * cells)) % 2 == 0
    return np.where(is_upright, 2 * x * cells % 1 < 0.5, 2 * y * cells % 1 < 0.5)


def _maze(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    cells = int(rng.integers(4, 7))
    falls = rng.integers(2, size=(cells, cells)) == 1
    across, down = x * cells % 1, y * cells % 1
    row, column = np.floor(y * cells).astype(int), np.floor(x * cells).astype(int)
    is_falling = falls[row % cells, column % cells]
    return np.where(is_falling, abs(across - down) < 0.2, abs(across + down - 1) < 0.2)


def _blobs(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    return smooth_noise(rng, rng.integers(4, 6), x, y) > 0.5


def _rays(rng: np.random.Generator, x: Columns, y: Rows) -> np.ndarray:
    right = torus_offset(x, np.float32(0.5))
    down = torus_offset(y, np.float32(0.5))
    return np.sin(2 * rng.integers(4, 7) * np.arctan2(down, right)) > 0


def _nearest_two(
    points: Float[np.ndarray, "n 2"], x: Columns, y: Rows
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Returns the distances on the torus to the nearest and to the second nearest point."""
    points = points.astype(np.float32)
    across = torus_offset(x[None], points[:, 0, None, None])
    down = torus_offset(y[None], points[:, 1, None, None])
    nearest = np.partition(np.hypot(across, down), 1, axis=0)
    return nearest[0], nearest[1]


PATTERNS: dict[str, Pattern] = {
    "checker": _checker,
    "dots": _dots,
    "bricks": _bricks,
    "noise": _noise,
    "zigzag": _zigzag,
    "rings": _rings,
    "grid": _grid,
    "gradient": _gradient,
    "stripes": _stripes,
    "bars": _bars,
    "diagonals": _diagonals,
    "crosses": _crosses,
    "scales": _scales,
    "spots": _spots,
    "cells": _cells,
    "waves": _waves,
    "lattice": _lattice,
    "weave": _weave,
    "maze": _maze,
    "blobs": _blobs,
    "rays": _rays,
}
