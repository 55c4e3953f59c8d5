"""Inflates the weights of an image Swin to a Video Swin. (Video Swin, arXiv 2106.13230, Sec. 3.4)

For a clip of equal frames, the inflated network has the logits of the image network for one frame:
a patch sums its frames, each weighted by 1 / depth, and attention averages over equal tokens. This
holds under three conditions:

- Time is not padded.
- The window is the window of the image network; a resized one is an approximation.
- The grid of every stage is at least a window. With windows of 7 and patches of 4, this needs 224
  pixels (see `windows.relative_index`).
"""

import math
from pathlib import Path

import cv2
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models.config import VideoSwinConfig
from albar_jax.weights.name_rules import NameTable
from albar_jax.weights.torch_contents import StateDict


def is_image_swin(state: StateDict, table: NameTable) -> bool:
    """Returns whether a state dict is a Swin with patches (h, w) instead of (t, h, w)."""
    return table.kind == "Swin" and state[table.first_name].ndim == 4


def inflate(
    state: StateDict, table: NameTable, config: VideoSwinConfig, source: str | Path
) -> StateDict:
    """Returns the state dict of an image Swin with the patches and position biases of a Video Swin.

    Args:
      state: state dict of an image Swin.
      table: name table of the state dict.
      config: config of the Video Swin.
      source: name of the file for errors.

    Raises:
      UserError: position biases are not tables, or belong to a window that is neither square nor
        the config's.
    """
    # The frames of a patch share the image kernel equally, so that their sum keeps its scale.
    depth = config.patch_size[0]
    kernel = np.repeat(state[table.first_name][:, :, None], depth, axis=2) / depth
    inflated = state | {table.first_name: kernel}
    for name, value in state.items():
        if name.endswith("relative_position_bias_table"):
            inflated[name] = inflate_bias(value, config.window_size, f"{name} of {source}")

    return inflated


def inflate_bias(table: np.ndarray, window: tuple[int, int, int], source: str) -> np.ndarray:
    """Repeats a table of spatial offsets for each offset in time.

    A table of another, square window is resized first, with bicubic interpolation like the
    reference.

    Args:
      table: float32 (offsets, heads) with (2h-1)(2w-1) offsets.
      window: window (t, h, w) of the Video Swin.
      source: name of the table for errors.

    Returns:
      ((2t-1)(2h-1)(2w-1), heads).

    Raises:
      UserError: the table is not of a square window, and not of this window.
    """
    if table.ndim != 2:
        raise UserError(
            f"{source} has the shape {table.shape}, but a table of offsets x heads has two "
            "dimensions"
        )

    t, h, w = (2 * n - 1 for n in window)
    num_offsets, num_heads = table.shape
    if num_offsets != h * w:
        table = _resized(table, (h, w), source)
    # Time is the slowest axis of the table.
    return np.tile(table.reshape(h * w, num_heads), (t, 1))


def _resized(table: np.ndarray, size: tuple[int, int], source: str) -> np.ndarray:
    num_offsets, num_heads = table.shape
    side = math.isqrt(num_offsets)
    if side * side != num_offsets:
        raise UserError(
            f"{source} has {num_offsets} rows, which is not the square that a square window makes"
        )

    height, width = size
    grid = table.reshape(side, side, num_heads)
    try:
        return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    # OpenCV takes 1 to 128 heads.
    except cv2.error:
        raise UserError(
            f"{source} has the shape {table.shape}, which cannot be resized for our window"
        ) from None
