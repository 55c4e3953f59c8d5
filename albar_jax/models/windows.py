"""Shifted 3D windows: cutting into them, and index tables made in numpy. (Video Swin, arXiv 2106.13230, Sec. 3.2)"""

import functools
import math

import numpy as np
from jaxtyping import Array, Float

Size = tuple[int, int, int]

# Added to the attention score of two tokens that the cyclic shift made neighbours.
MASKED_SCORE = -100.0


def fit(size: Size, window: Size, shifted: bool) -> tuple[Size, Size]:
    """Returns the window and shift to use on a grid of tokens.

    An axis that is no longer than its window is one window of its own length and is never shifted; this is decided
    on the size before padding, as in the reference.
    """
    fitted = tuple(min(n, w) for n, w in zip(size, window, strict=True))
    shift = tuple(w // 2 if shifted and n > w else 0 for n, w in zip(size, window, strict=True))
    return fitted, shift


def padding(size: Size, multiple: Size) -> list[tuple[int, int]]:
    """Returns the zeros to add behind t, h and w to reach a multiple, as `jnp.pad` wants it for (b, t, h, w, c)."""
    return [(0, 0), *((0, -n % m) for n, m in zip(size, multiple, strict=True)), (0, 0)]


def split(x: Float[Array, "b t h w c"], window: Size) -> Float[Array, "windows b v c"]:
    """Cuts a grid of tokens, which is whole windows along each axis, into windows of v tokens."""
    b, *size, c = x.shape
    (t, h, w), (wt, wh, ww) = (n // k for n, k in zip(size, window, strict=True)), window
    return (
        x.reshape(b, t, wt, h, wh, w, ww, c)
        .transpose(1, 3, 5, 0, 2, 4, 6, 7)
        .reshape(t * h * w, b, -1, c)
    )


def join(x: Float[Array, "windows b v c"], size: Size, window: Size) -> Float[Array, "b t h w c"]:
    """Puts windows back to the grid of this size, (t, h, w), which is whole windows along each axis."""
    (t, h, w), (wt, wh, ww) = (n // k for n, k in zip(size, window, strict=True)), window
    _, b, _, c = x.shape
    return (
        x.reshape(t, h, w, b, wt, wh, ww, c).transpose(3, 0, 4, 1, 5, 2, 6, 7).reshape(b, *size, c)
    )


@functools.cache
def relative_index(window: Size, fitted: Size) -> np.ndarray:
    """Returns int32 (v, v): the row of the bias table for each pair of the v tokens of a fitted window.

    The table belongs to the full window. For a smaller one the reference takes the flat corner [:v, :v] of the full
    window's index, which is not the geometric offset once h or w is cut; checkpoints were trained so, and we follow.
    """
    tokens = math.prod(fitted)
    coords = np.indices(window).reshape(3, -1)[:, :tokens]
    offsets = coords[:, :, None] - coords[:, None, :] + (np.array(window) - 1)[:, None, None]
    return np.ravel_multi_index(tuple(offsets), tuple(2 * w - 1 for w in window)).astype(np.int32)


@functools.cache
def regions(padded: Size, window: Size, shift: Size) -> np.ndarray:
    """Returns int32 (windows, v): the region that each token of each window comes from, after the cyclic shift.

    Tokens of one window attend to each other only within a region; elsewhere they are not true neighbours.
    """
    region = np.zeros(padded, np.int32)
    for axis, (n, s) in enumerate(zip(padded, shift, strict=True)):
        if s:  # the last s tokens came round from the front, into the last window
            along = np.arange(n) >= n - s
            region = region * 2 + along.reshape([-1 if a == axis else 1 for a in range(3)])
    grid = [k for n, w in zip(padded, window, strict=True) for k in (n // w, w)]
    return region.reshape(grid).transpose(0, 2, 4, 1, 3, 5).reshape(-1, math.prod(window))
