"""Checks the numbers in mask files: sizes, frame numbers, box edges and run lengths.

Every mask reader calls these checks before it allocates memory or calls compiled code.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from albar_jax.errors import UserError
from albar_jax.storage.budget import MAX_PIXELS
from albar_jax.storage.json_files import is_number

# The largest frame number.
_LAST_FRAME = (1 << 31) - 1
# Pixels of all masks of one video, one byte each: 2,000 frames of full HD.
MOST_PIXELS = 1 << 32
# The edges of a box may lie outside of its frame, but not outside of the largest frame.
_FARTHEST = float(1 << 40)


def whole(value: Any, what: str, low: int, high: int) -> int:
    """Returns a whole number from a file as an int; accepts 3.0 as 3.

    Args:
      value: a number from JSON, a pickle or numpy.
      what: name of the number for messages.
      low: smallest value.
      high: largest value.

    Raises:
      UserError: it is a boolean, text or None, or is not whole, not finite or out of range.
    """
    if isinstance(value, np.generic):
        value = value.item()

    # An int may be too large for a float, so ints are compared without conversion.
    if not is_number(value) or not low <= value <= high or value != int(value):
        raise UserError(
            f"{what} is {short_repr(value)}; it must be a whole number from {low:,} to {high:,}"
        )
    return int(value)


def frame(value: Any, first: int = 0) -> int:
    """Returns a frame number counted from 0.

    Args:
      value: the number in the file.
      first: number of the video's first frame in the file.

    Raises:
      UserError: it is not a frame number.
    """
    return whole(value, "the frame", first, _LAST_FRAME) - first


def size(height: Any, width: Any, where: str) -> tuple[int, int]:
    """Returns the checked height and width of masks.

    Args:
      height: the height in the file.
      width: the width in the file.
      where: name of the masks for messages.

    Raises:
      UserError: a side is not a whole number, or the masks have too many pixels.
    """
    checked_height = whole(height, f"the height of {where}", 1, MAX_PIXELS)
    checked_width = whole(width, f"the width of {where}", 1, MAX_PIXELS)
    if checked_height * checked_width > MAX_PIXELS:
        raise UserError(
            f"{where} has {checked_width:,} x {checked_height:,} pixels; the limit is "
            f"{MAX_PIXELS:,}"
        )
    return checked_height, checked_width


def check_memory(count: int, height: int, width: int, where: str) -> None:
    """Raises UserError if `count` masks of this size are too large for memory."""
    if count * height * width > MOST_PIXELS:
        raise UserError(
            f"{where} has {count:,} frames of {width:,} x {height:,} pixels from the first to the "
            f"last; the limit for one video is {MOST_PIXELS:,} pixels"
        )


def corners(values: Sequence[Any]) -> list[float]:
    """Returns the checked edges x1, y1, x2, y2 of a box, in pixels.

    Raises:
      UserError: an edge is not a number of pixels.
    """
    names = ("x1", "y1", "x2", "y2")
    return [_edge(value, name) for value, name in zip(values, names, strict=True)]


def short_repr(value: Any) -> str:
    """Formats a value from a file for a message. The text is short, and formatting never fails."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return f"a number of about 10^{round(math.log10(abs(value)))}"

    # The repr of other types could be long or could fail.
    if isinstance(value, (int, float, str, bool, type(None))):
        text = repr(value)
        return text if len(text) <= 50 else f"{text[:50]}..."

    return f"of the type {type(value).__name__}"


def _edge(value: Any, name: str) -> float:
    if isinstance(value, np.generic):
        value = value.item()

    if not is_number(value) or not -_FARTHEST <= value <= _FARTHEST:
        raise UserError(f"the edge {name} is {short_repr(value)}; it must be a number of pixels")
    return float(value)
