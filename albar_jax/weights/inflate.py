"""Turns the weights of an image Swin into those of a Video Swin. (Video Swin, arXiv 2106.13230, Sec. 3.4)

The inflated network answers for a clip of equal frames what the image network answers for the frame: a patch sums its
frames, of which each has its part of the kernel, and attention averages over equal tokens. This holds where time is not
padded, the window is that of the image network (a resized one is an approximation), and the grid of every stage is at
least a window: for windows of 7 and patches of 4 from 224 pixels on (see `windows.relative_index`).
"""

import math
from pathlib import Path

import cv2
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models.video_swin import VideoSwinConfig
from albar_jax.weights.torch_contents import StateDict
from albar_jax.weights.torch_names import LAYOUTS, LEAVES


def is_image_model(state: StateDict, layout: str) -> bool:
    """Whether the patches of a Swin are (h, w), not (t, h, w)."""
    return state[f"{LAYOUTS[layout].patch_proj}.weight"].ndim == 4


def inflate(
    state: StateDict, layout: str, config: VideoSwinConfig, source: str | Path
) -> StateDict:
    """Returns the state dict of an image Swin with patches and position biases as a Video Swin has them.

    Raises UserError if position biases are no tables, or those of a window that is neither square nor ours.
    """
    proj, depth = f"{LAYOUTS[layout].patch_proj}.weight", config.patch_size[0]
    inflated = state | {proj: np.repeat(state[proj][:, :, None], depth, axis=2) / depth}
    for name, value in state.items():
        if name.endswith(LEAVES["position_bias"]):
            inflated[name] = inflate_bias(value, config.window_size, f"{name} of {source}")
    return inflated


def inflate_bias(table: np.ndarray, window: tuple[int, int, int], source: str) -> np.ndarray:
    """Repeats a table of (2h-1)(2w-1) offsets in space, rows of heads, for each of the 2t-1 offsets in time.

    A table of another, square window is first resized; OpenCV's bicubic interpolation is the reference's. Raises
    UserError for what is no table of a square window.
    """
    if table.ndim != 2:
        raise UserError(
            f"{source} has the shape {table.shape}, which is not that of a table of offsets x heads."
        )
    t, h, w = (2 * n - 1 for n in window)
    offsets, heads = table.shape
    if offsets != h * w:
        side = math.isqrt(offsets)
        if side * side != offsets:
            raise UserError(
                f"{source} has {offsets} rows, which is not the square that a square window makes."
            )
        try:
            table = cv2.resize(
                table.reshape(side, side, heads), (w, h), interpolation=cv2.INTER_CUBIC
            )
        except cv2.error:  # it takes 1 to 128 heads
            raise UserError(
                f"{source} has the shape {table.shape}, which cannot be resized for our window."
            ) from None
    return np.tile(table.reshape(h * w, heads), (t, 1))
