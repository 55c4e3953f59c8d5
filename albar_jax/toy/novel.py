"""Draws backgrounds for SCUBA, of kinds that no training clip shows.

They are dark, like all backgrounds, and need not be periodic, because they are never shifted.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from jaxtyping import Float

from albar_jax.toy.raster import average_subpixels, fine_coordinates, paint, shifted_plane
from albar_jax.toy.value_noise import smooth_noise

Picture = Float[np.ndarray, "size size 3"]

# Colors are drawn between these.
_DARKEST, _LIGHTEST = 0.05, 0.5


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
    return paint(average_subpixels(0.5 + 0.5 * wave), low, high)


def draw_octaves(rng: np.random.Generator, size: int) -> Picture:
    """Draws colored noise of four octaves, times a factor of 0.35 to 0.6.

    Each octave has half the amplitude of the next coarser one.

    Returns:
      Colors, float32 (size, size, 3), 0 to 0.6.
    """
    x, y = shifted_plane(rng, size)
    # The weights sum to 1.
    weights = {2**k: np.float32(2.0**-k / (15 / 32)) for k in (2, 3, 4, 5)}
    channels = []
    for _ in range(3):
        octaves = (weight * smooth_noise(rng, cells, x, y) for cells, weight in weights.items())
        # `sum` begins with 0, but there are octaves.
        channels.append(average_subpixels(cast(np.ndarray, sum(octaves))))
    return np.stack(channels, axis=-1) * np.float32(rng.uniform(0.35, 0.6))


def draw_marble(rng: np.random.Generator, size: int) -> Picture:
    """Draws a wave that smooth noise bends, between two dark colors.

    Returns:
      Colors, float32 (size, size, 3).
    """
    x, y = shifted_plane(rng, size)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    bend = 1.5 * smooth_noise(rng, 4, x, y)
    wave = np.sin(2 * np.pi * (rng.uniform(1, 3) * along + bend))

    low, high = rng.uniform(_DARKEST, _LIGHTEST, (2, 3))
    return paint(average_subpixels(0.5 + 0.5 * wave), low, high)


def draw_mosaic(rng: np.random.Generator, size: int) -> Picture:
    """Draws the Voronoi cells of random points, each in a dark color of its own.

    Returns:
      Colors, float32 (size, size, 3).
    """
    position = fine_coordinates(size)
    points = rng.uniform(size=(rng.integers(8, 20), 2)).astype(np.float32)
    across = (position[None, None, :] - points[:, 0, None, None]) ** 2
    down = (position[None, :, None] - points[:, 1, None, None]) ** 2
    nearest = np.argmin(across + down, axis=0)

    colors = rng.uniform(_DARKEST, _LIGHTEST, (len(points), 3)).astype(np.float32)
    channels = [average_subpixels(channel[nearest]) for channel in colors.T]
    return np.stack(channels, axis=-1)


NOVEL: dict[str, Callable[[np.random.Generator, int], Picture]] = {
    "sinusoid": draw_sinusoid,
    "octaves": draw_octaves,
    "marble": draw_marble,
    "mosaic": draw_mosaic,
}
