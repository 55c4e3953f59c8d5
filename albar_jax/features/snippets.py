"""Cuts the rows of a video into a fixed number of segments, as MGFN trains on them."""

import numpy as np
from jaxtyping import Float

from albar_jax.features.row_file import Rows

# Segments of a training video.
SEGMENTS = 32


def segments_of(
    rows: Rows | Float[np.ndarray, "t ..."], count: int = SEGMENTS
) -> Float[np.ndarray, "count ..."]:
    """Returns the means of `count` successive segments of a video (MGFN, "Train").

    The borders are the integers of linspace(0, T, count + 1), truncated. Segment i is the mean of
    the rows from border i to border i + 1; where both borders are equal, it is the row at the
    border. So a video of fewer rows than segments repeats rows.

    Args:
      rows: features, float (T, ...), T at least 1; one segment at a time is in memory.
      count: number of segments.

    Returns:
      float32 (count, ...).
    """
    borders = np.linspace(0, len(rows), count + 1).astype(int)
    segments = np.empty((count, *rows.shape[1:]), np.float32)
    for number in range(count):
        start, stop = borders[number], borders[number + 1]
        # In float64, so that the mean does not depend on the memory layout.
        segments[number] = rows[start : max(stop, start + 1)].mean(axis=0, dtype=np.float64)

    return segments


def with_magnitude(rows: Float[np.ndarray, "... c"]) -> Float[np.ndarray, "... d"]:
    """Appends the L2 norm of each row, float32 (..., C) to (..., C + 1), as MGFN's input."""
    norm = np.linalg.norm(rows.astype(np.float64), axis=-1, keepdims=True)
    return np.concatenate([rows, norm], axis=-1, dtype=np.float32)
