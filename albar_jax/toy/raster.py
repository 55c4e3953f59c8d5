"""Rasterizes formulas as antialiased images.

A formula is evaluated on a fine grid and averaged over each pixel.
"""

from typing import cast

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

# Subpixels along each axis: 17 levels of coverage at an edge.
SUBPIXELS = 4


def fine_coordinates(size: int) -> Float[np.ndarray, " n"]:
    """Returns the subpixel centres along one axis.

    Args:
      size: side of the frame in pixels.

    Returns:
      Fractions of the frame, 0 to 1, float32 (size * SUBPIXELS,).
    """
    count = size * SUBPIXELS
    return (np.arange(count, dtype=np.float32) + 0.5) / count


def average_subpixels(
    fine: Bool[np.ndarray, "*t H W"] | Float[np.ndarray, "*t H W"],
) -> Float[np.ndarray, "*t h w"]:
    """Averages subpixels over each pixel.

    Args:
      fine: bool or float (..., H * SUBPIXELS, W * SUBPIXELS).

    Returns:
      float32 (..., H, W).
    """
    # A sum of bools would be their logical or.
    counts = fine.view(np.uint8) if fine.dtype == bool else fine

    # Adding strided slices is many times faster than a mean over small axes.
    # `sum` begins with 0, but SUBPIXELS is at least 1.
    rows = cast(np.ndarray, sum(counts[..., i::SUBPIXELS, :] for i in range(SUBPIXELS)))
    total = cast(np.ndarray, sum(rows[..., i::SUBPIXELS] for i in range(SUBPIXELS)))
    return total.astype(np.float32) / SUBPIXELS**2


def torus_offset(position: np.ndarray, centre: np.ndarray | np.floating) -> np.ndarray:
    """Returns the shortest signed distance from centre to position on a circle of length 1.

    Args:
      position: fractions of the circle.
      centre: fractions of the circle; broadcasts against `position`.

    Returns:
      Distances, -0.5 to 0.5.
    """
    return (position - centre + 0.5) % 1.0 - 0.5


def shifted_plane(
    rng: np.random.Generator, size: int
) -> tuple[Float[np.ndarray, "1 w"], Float[np.ndarray, "h 1"]]:
    """Returns subpixel coordinates x (1, W) and y (H, 1) on the torus, with a random origin."""
    origin_x, origin_y = rng.uniform(size=2).astype(np.float32)
    position = fine_coordinates(size)
    return ((position + origin_x) % 1)[None, :], ((position + origin_y) % 1)[:, None]


def paint(
    pattern: Float[np.ndarray, "h w"], low: ArrayLike, high: ArrayLike
) -> Float[np.ndarray, "h w 3"]:
    """Colors a pattern, 0 to 1, from low to high.

    Args:
      pattern: float (H, W).
      low: color of 0, (3,).
      high: color of 1, (3,).
    """
    weight = pattern[..., None]
    return (1 - weight) * np.asarray(low, np.float32) + weight * np.asarray(high, np.float32)


def roll(
    picture: Float[np.ndarray, "h w 3"],
    right: Float[np.ndarray, " t"],
    down: Float[np.ndarray, " t"],
) -> Float[np.ndarray, "t h w 3"]:
    """Shifts a picture on the torus, by parts of pixels with linear interpolation.

    Args:
      picture: float (H, W, 3).
      right: shift of each frame to the right, as fractions of the frame, (T,).
      down: shift of each frame down, as fractions of the frame, (T,).
    """
    frames = []
    for across, along in zip(right, down, strict=True):
        frame = _roll_axis(picture, along * picture.shape[0], axis=0)
        frames.append(_roll_axis(frame, across * picture.shape[1], axis=1))
    return np.stack(frames)


def _roll_axis(picture: np.ndarray, pixels: float, axis: int) -> np.ndarray:
    whole = int(np.floor(pixels))
    part = np.float32(pixels - whole)
    near = np.roll(picture, whole, axis)
    return (1 - part) * near + part * np.roll(near, 1, axis)
