"""Shifted 3D windows: splits tokens into windows, and computes index tables in numpy.

(Video Swin, arXiv 2106.13230, Sec. 3.2)
"""

import functools
import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Array, Float

Size = tuple[int, int, int]

# Added to the attention score of two tokens that are neighbors only because of the cyclic shift.
MASKED_SCORE = -100.0


def to_size(lengths: Iterable[int]) -> Size:
    """Returns three lengths, such as the axes 1 to 3 of tokens, as a tuple (t, h, w)."""
    t, h, w = lengths
    return t, h, w


def fit(size: Size, window: Size, shifted: bool) -> tuple[Size, Size]:
    """Returns the window and the shift for a grid of tokens.

    An axis that is no longer than its window becomes a single window of the length of the axis and
    is never shifted. As in the reference, the size before padding decides this.

    Args:
      size: tokens along t, h and w, before padding.
      window: configured window.
      shifted: whether the block shifts its windows.
    """
    fitted = []
    shift = []
    for length, width in zip(size, window, strict=True):
        fitted.append(min(length, width))
        shift.append(width // 2 if shifted and length > width else 0)
    return to_size(fitted), to_size(shift)


def padding(size: Size, multiple: Size) -> list[tuple[int, int]]:
    """Returns the padding that `jnp.pad` needs to extend (b, t, h, w, c) to a multiple.

    Args:
      size: current length of t, h and w.
      multiple: lengths that must divide the padded t, h and w.
    """
    behind = [(0, -n % m) for n, m in zip(size, multiple, strict=True)]
    return [(0, 0), *behind, (0, 0)]


def split(x: Float[Array, "b t h w c"], window: Size) -> Float[Array, "windows b v c"]:
    """Splits a grid of whole windows into windows of v tokens."""
    b, *lengths, c = x.shape
    wt, wh, ww = window
    t, h, w = _num_windows(to_size(lengths), window)
    x = x.reshape(b, t, wt, h, wh, w, ww, c).transpose(1, 3, 5, 0, 2, 4, 6, 7)
    return x.reshape(t * h * w, b, -1, c)


def join(x: Float[Array, "windows b v c"], size: Size, window: Size) -> Float[Array, "b t h w c"]:
    """Inverts `split`.

    Args:
      x: tokens of each window.
      size: tokens of the grid along t, h and w, a multiple of the window.
      window: tokens of a window along t, h and w.
    """
    _, b, _, c = x.shape
    wt, wh, ww = window
    t, h, w = _num_windows(size, window)
    x = x.reshape(t, h, w, b, wt, wh, ww, c).transpose(3, 0, 4, 1, 5, 2, 6, 7)
    return x.reshape(b, *size, c)


def _num_windows(size: Size, window: Size) -> Size:
    return to_size(n // k for n, k in zip(size, window, strict=True))


@functools.cache
def relative_index(window: Size, fitted: Size) -> np.ndarray:
    """Returns the row of the bias table for each pair of tokens of a fitted window.

    The table belongs to the full window. For a smaller one the reference takes the corner [:v, :v]
    of the full window's index. That is not the geometric offset once h or w is cut, but checkpoints
    were trained with it.

    Args:
      window: full window.
      fitted: window that fits the grid, with v tokens.

    Returns:
      int32 (v, v).
    """
    num_tokens = math.prod(fitted)
    # Coordinates (3, v) of the first v tokens of the full window.
    coords = np.indices(window).reshape(3, -1)[:, :num_tokens]
    # Shifted so that the smallest offset of each axis is 0.
    offsets = coords[:, :, None] - coords[:, None, :] + (np.array(window) - 1)[:, None, None]
    table_shape = tuple(2 * w - 1 for w in window)
    return np.asarray(np.ravel_multi_index(tuple(offsets), table_shape), np.int32)


@functools.cache
def regions(padded: Size, window: Size, shift: Size) -> np.ndarray:
    """Returns the region of each token of each window after the cyclic shift.

    Tokens of a window attend to each other only within a region, because the others are not true
    neighbors.

    Args:
      padded: tokens of the grid along t, h and w, a multiple of the window.
      window: tokens of a window along t, h and w.
      shift: cyclic shift along t, h and w; 0 for none.

    Returns:
      int32 (windows, v).
    """
    region = np.zeros(padded, np.int32)
    for axis, (length, offset) in enumerate(zip(padded, shift, strict=True)):
        if offset:
            # The last tokens were moved from the front of the grid into the last window.
            is_moved = np.arange(length) >= length - offset
            shape = [1, 1, 1]
            shape[axis] = -1
            # Each shifted axis adds one binary digit.
            region = region * 2 + is_moved.reshape(shape)

    # Cut the grid into windows, like `split`.
    t, h, w = _num_windows(padded, window)
    wt, wh, ww = window
    region = region.reshape(t, wt, h, wh, w, ww).transpose(0, 2, 4, 1, 3, 5)
    return region.reshape(-1, math.prod(window))
