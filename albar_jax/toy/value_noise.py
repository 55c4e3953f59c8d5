"""Draws smooth noise that is periodic, so that it has no seam on the torus."""

import numpy as np
from jaxtyping import Float

# Subpixel coordinates along the columns and along the rows.
Columns = Float[np.ndarray, "1 w"]
Rows = Float[np.ndarray, "h 1"]


def smooth_noise(
    rng: np.random.Generator, cells: int | np.integer, x: Columns, y: Rows
) -> Float[np.ndarray, "h w"]:
    """Draws value noise: uniform values on a periodic lattice of cells x cells, interpolated.

    Args:
      rng: random generator.
      cells: lattice points along each axis.
      x: columns, 0 to 1.
      y: rows, 0 to 1.

    Returns:
      float32 (H, W), 0 to 1.
    """
    lattice = rng.uniform(size=(cells, cells)).astype(np.float32)
    columns = _interpolate(lattice.T, x.ravel() * cells).T
    return _interpolate(columns, y.ravel() * cells)


def stretch(values: np.ndarray) -> np.ndarray:
    """Maps values linearly to 0..1."""
    return (values - values.min()) / (values.max() - values.min())


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
