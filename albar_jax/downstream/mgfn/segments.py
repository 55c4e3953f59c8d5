"""Cuts the features of a video into segments, and appends magnitudes. (MGFN, datasets)"""

import numpy as np
from jaxtyping import Float


def cut(rows: Float[np.ndarray, "t *n"], count: int = 32) -> Float[np.ndarray, "count *n"]:
    """Returns means of consecutive rows, one for each segment.

    Segment i is the mean of the rows r_i to r_{i+1} - 1, where r are the whole parts of `count + 1`
    equally spaced numbers from 0 to t. If both are equal, it is row r_i.

    Args:
      rows: features of a video, float32, at least one row.
      count: number of segments.
    """
    bounds = np.linspace(0, len(rows), count + 1).astype(int)
    segments = np.empty((count, *rows.shape[1:]), np.float32)
    for i, (start, end) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        segments[i] = rows[start:end].mean(0) if end > start else rows[start]

    return segments


def with_magnitudes(features: Float[np.ndarray, "*n c"]) -> Float[np.ndarray, "*n d"]:
    """Appends the L2 norm of the last axis, as a further channel."""
    magnitudes = np.linalg.norm(features, axis=-1, keepdims=True)
    return np.concatenate([features, magnitudes], axis=-1, dtype=np.float32)
