"""Checks the numbers in files of masks: sizes, frame numbers, edges of boxes and lengths of runs.

Every reader of masks asks here before it allocates memory or calls compiled code.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from albar_jax.data.readers.base import MAX_PIXELS
from albar_jax.errors import UserError

# The largest frame number.
_LAST_FRAME = (1 << 31) - 1
# Pixels of all masks of one video, a byte each: 2,000 frames of full HD.
MOST_PIXELS = 1 << 32
# Edges of a box may lie outside of the frame, but not beyond any frame.
_FARTHEST = float(1 << 40)


def whole(value: Any, what: str, low: int, high: int) -> int:
    """Returns a whole number from a file; 3.0 counts as 3.

    Args:
      value: a number of JSON, pickle or numpy.
      what: the number's name for the message.
      low: smallest value.
      high: largest value.

    Raises:
      UserError: it is a boolean, text or nothing, not whole, not finite, or out of range.
    """
    if isinstance(value, np.generic):
        value = value.item()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    # An int may be too large for a float, so ints are compared as they are.
    if not is_number or not low <= value <= high or value != int(value):
        raise UserError(f"{what} is {shown(value)}; it is a whole number from {low:,} to {high:,}")
    return int(value)


def frame(value: Any, first: int = 0) -> int:
    """Returns a frame number counted from 0; `first` is the number of the first frame in the file."""
    return whole(value, "the frame", first, _LAST_FRAME) - first


def size(height: Any, width: Any, where: str) -> tuple[int, int]:
    """Returns the checked height and width of masks."""
    sides = [
        whole(side, f"the {name} of {where}", 1, MAX_PIXELS) for name, side in (("height", height), ("width", width))
    ]
    if math.prod(sides) > MAX_PIXELS:
        raise UserError(f"{where} has {sides[1]:,} x {sides[0]:,} pixels; {MAX_PIXELS:,} are the most")
    return sides[0], sides[1]


def room(count: int, height: int, width: int, where: str) -> None:
    """Raises UserError unless so many masks of this size may be held in memory."""
    if count * height * width > MOST_PIXELS:
        raise UserError(
            f"{where} has {count:,} frames of {width:,} x {height:,} pixels from the first to the last; "
            f"{MOST_PIXELS:,} pixels are the most of one video"
        )


def corners(values: Sequence[Any]) -> list[float]:
    """Returns the checked edges x1, y1, x2, y2 of a box, in pixels."""
    return [_edge(value, name) for value, name in zip(values, ("x1", "y1", "x2", "y2"), strict=True)]


def shown(value: Any) -> str:
    """Formats a value of a file for a message; short, and never fails."""
    if isinstance(value, int) and abs(value) >= 10**20:
        return f"a number of about 10^{round(math.log10(abs(value)))}"
    if isinstance(value, (int, float, str, bool, type(None))):
        text = repr(value)
        return text if len(text) <= 50 else f"{text[:50]}..."
    return f"of the type {type(value).__name__}"


def _edge(value: Any, name: str) -> float:
    if isinstance(value, np.generic):
        value = value.item()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not -_FARTHEST <= value <= _FARTHEST:
        raise UserError(f"the edge {name} is {shown(value)}; it is a number of pixels")
    return float(value)
