"""Run-length codes of masks as COCO writes them.

Runs of pixels outside and inside of the mask take turns, outside first, column by column. They are a list of numbers,
or text: each number less the one two before it (from the fourth on) in digits to the base 32, the lowest first, each
digit a character from "0" on. (cocoapi, common/maskApi.c; not pycocotools, a compiled package, for 30 lines.)
"""

import numpy as np
from jaxtyping import Bool

from albar_jax.data.readers.base import MAX_PIXELS

_OFFSET = ord("0")
_MORE, _SIGN, _DIGIT, _BITS = 0x20, 0x10, 0x1F, 5


def decode(counts: list[int] | str, height: int, width: int) -> Bool[np.ndarray, "h w"]:
    """Returns the mask that a code stands for; raises ValueError for one that does not fit its size."""
    runs = np.array(_numbers(counts) if isinstance(counts, str) else counts, np.int64)
    if height * width > MAX_PIXELS or runs.sum() != height * width:
        raise ValueError(f"runs of {runs.sum()} pixels are no mask of {height} x {width}")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


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
