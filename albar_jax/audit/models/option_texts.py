"""Parses the options of models from their texts."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from albar_jax.errors import UserError
from albar_jax.files import local_path
from albar_jax.terminal import flags

# More would not be a clip.
_MOST = 1 << 20


def parse(name: str, text: str) -> Any:
    """Returns the value of a field of `Options`.

    Args:
      name: the field.
      text: its text, as written on the command line.

    Raises:
      UserError: the text is not a value of the field.
    """
    return PARSERS[name](name, text)


def _text(name: str, text: str) -> str:
    if not text:
        raise UserError(f"{name} is empty; write a value")
    return text


def _path(name: str, text: str) -> Path:
    return Path(local_path(_text(name, text)))


def _weights(name: str, text: str) -> str:
    return local_path(_text(name, text))


def _count(name: str, text: str) -> int:
    is_number = text.isascii() and text.isdecimal()
    if not is_number or not 1 <= int(text[:20]) <= _MOST:
        raise UserError(f"{name} is {text!r}, which is not a number from 1 to {_MOST:,}")
    return int(text)


def _seed(name: str, text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(flags.SEEDS))
    if not is_number or int(text) >= flags.SEEDS:
        raise UserError(f"{name} is {text!r}, which is not a number from 0 to {flags.SEEDS - 1:,}")
    return int(text)


def _positive(name: str, text: str) -> float:
    number = _number(text)
    if not 0 < number < math.inf:
        raise UserError(f"{name} is {text!r}, which is not a number above 0")
    return number


def _colors(name: str, text: str) -> tuple[float, float, float]:
    numbers = [_number(part) for part in text.split(",")]
    if len(numbers) == 1:
        numbers *= 3
    is_positive = name != "std" or min(numbers) > 0
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)) or not is_positive:
        raise UserError(
            f"{name} is {text!r}; write a number for each color, for pixels in 0..1, as in "
            f"{name}=0.45,0.45,0.45"
        )
    red, green, blue = numbers
    return red, green, blue


def _number(text: str) -> float:
    """Returns a number; NaN, which fails every comparison, for other texts."""
    try:
        return float(text)
    except ValueError:
        return math.nan


PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "weights": _weights,
    "classes": _path,
    "frames": _count,
    "fps": _positive,
    "stride": _count,
    "size": _count,
    "mean": _colors,
    "std": _colors,
    "device": _text,
    "dtype": _text,
    "seed": _seed,
    "revision": _text,
    "checkpoint": _text,
}
