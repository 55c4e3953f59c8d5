"""Decodes COCO's run-length codes of masks.

A code lists the lengths of runs of pixels, column by column. Runs outside and inside of the mask
alternate, and the first one is outside.

A code is a list of numbers or a text. From the fourth number on, the text stores the difference to
the number two places before. Each value is written in base 32, lowest digit first. A digit is a
character from "0" on.

Reference: cocoapi, common/maskApi.c. The package pycocotools is compiled code and not needed for
30 lines.
"""

import numpy as np
from jaxtyping import Bool

from albar_jax.errors import UserError
from albar_jax.masks import checks

_OFFSET = ord("0")
_MORE, _SIGN, _DIGIT, _BITS = 0x20, 0x10, 0x1F, 5


def decode(counts: list[int] | str, height: int, width: int) -> Bool[np.ndarray, "h w"]:
    """Decodes a run-length code to a mask.

    Args:
      counts: lengths of the runs as a list, or the code as text.
      height: height of the mask; see `checks.size`.
      width: width of the mask.

    Raises:
      UserError: a run is not a length in pixels, or the runs do not fill the mask.
      ValueError: the text is not a run-length code.
    """
    height, width = checks.size(height, width, "a run-length code")
    numbers = counts
    if isinstance(counts, str):
        numbers = _numbers(counts)
    if not isinstance(numbers, list):
        raise UserError(
            f"a run-length code is {checks.short_repr(numbers)}; it must be text or a list of "
            "numbers"
        )

    runs = [checks.whole(number, "a run of a code", 0, height * width) for number in numbers]
    # Python's ints are summed: a numpy sum could wrap around, and `np.repeat` would then crash.
    if sum(runs) != height * width:
        raise UserError(f"runs of {sum(runs)} pixels do not fill a mask of {height} x {width}")

    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, np.array(runs, np.int64)).reshape(width, height).T


def _numbers(text: str) -> list[int]:
    """Parses a code written as text. Raises ValueError if it is malformed."""
    numbers: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _OFFSET
        if not 0 <= code < 2 * _MORE or shift > 12 * _BITS:
            raise ValueError(f"{character!r} is not a digit of a run-length code")

        value |= (code & _DIGIT) << shift
        shift += _BITS
        if code & _MORE:
            continue

        # This is the last digit of a number.
        if code & _SIGN:
            value -= 1 << shift
        if len(numbers) > 2:
            value += numbers[-2]
        numbers.append(value)
        value = shift = 0

    if shift:
        raise ValueError("a run-length code is cut off")
    return numbers
