"""Drawing formulas as antialiased pictures: evaluate on a fine grid, then average over each pixel."""

import numpy as np

SUBPIXELS = 4  # along each axis: 17 levels of coverage at an edge


def fine_coordinates(size: int) -> np.ndarray:
    """Returns the subpixel centres along one axis, float32 (size * SUBPIXELS,), in fractions 0..1 of the frame."""
    count = size * SUBPIXELS
    return (np.arange(count, dtype=np.float32) + 0.5) / count


def average_subpixels(fine: np.ndarray) -> np.ndarray:
    """Averages (..., H * SUBPIXELS, W * SUBPIXELS), bool or float, to float32 (..., H, W)."""
    counts = fine.view(np.uint8) if fine.dtype == bool else fine  # bools would be or-ed, not added
    # Adding strided slices is many times faster than a mean over small axes.
    rows = sum(counts[..., i::SUBPIXELS, :] for i in range(SUBPIXELS))
    total = sum(rows[..., i::SUBPIXELS] for i in range(SUBPIXELS))
    return total.astype(np.float32) / SUBPIXELS**2


def torus_offset(position: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Returns the signed shortest way from centre to position on a circle of length 1, in -.5..0.5."""
    return (position - centre + 0.5) % 1.0 - 0.5
