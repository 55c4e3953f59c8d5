"""Run-length codes of masks as COCO writes them.

Runs of pixels outside and inside of the mask take turns, outside first, column by column. They are a list of numbers,
or text: each number less the one two before it (from the fourth on) in digits to the base 32, the lowest first, each
digit a character from "0" on. (cocoapi, common/maskApi.c; not pycocotools, a compiled package, for 30 lines.)
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
    numbers = _numbers(counts) if isinstance(counts, str) else counts
    if not isinstance(numbers, list):
        raise UserError(
            f"a run-length code is {checks.shown(numbers)}; it must be text or a list of numbers"
        )
    runs = [checks.whole(number, "a run of a code", 0, height * width) for number in numbers]
    # Sums Python's ints: a numpy sum could wrap around, and `np.repeat` would then crash.
    if sum(runs) != height * width:
        raise UserError(f"runs of {sum(runs)} pixels do not fill a mask of {height} x {width}")
    inside = np.arange(len(runs)) % 2 == 1

    return np.repeat(inside, np.array(runs, np.int64)).reshape(width, height).T


def _numbers(text: str) -> list[int]:
    numbers: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _OFFSET
        if not 0 <= code < 2 * _MORE or shift > 12 * _BITS:
            raise ValueError(f"{character!r} is no digit of a run-length code")
        value |= (code & _DIGIT) << shift
        shift += _BITS
        if code & _MORE:
            continue
        if code & _SIGN:
            value -= 1 << shift
        numbers.append(value + numbers[-2] if len(numbers) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("a run-length code is cut off")
    return numbers
