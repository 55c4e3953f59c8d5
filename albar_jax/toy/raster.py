"""Rasterizes formulas as antialiased images.

A formula is evaluated on a fine grid and averaged over each pixel.
"""

from typing import cast

import numpy as np
from jaxtyping import Bool, Float

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
