"""Parses the options of models from their texts."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from albar_jax.errors import UserError
from albar_jax.files import local_path
from albar_jax.terminal import flags

_MOST = 1 << 20


def parse(name: str, text: str) -> Any:
    """Returns the value of a field of `Options`.

    Args:
      name: the field.
      text: its text, as written on the command line.

    Raises:
      UserError: the text is not a value of the field.
    """
    return OPTIONS[name].parse(name, text)


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


@dataclasses.dataclass(frozen=True)
class OptionText:
    """An option of models, as text.

    Attributes:
      parse: returns the value, given name and text. Raises UserError.
      metavar: name of the value in the help.
      help: the help of its flag.
    """

    parse: Callable[[str, str], Any]
    metavar: str
    help: str


# The fields of `Options` that can be written.
OPTIONS: Mapping[str, OptionText] = {
    "weights": OptionText(_weights, "NAME|FILE", "weights of the network"),
    "classes": OptionText(
        _path, "FILE", "names of the model's classes, one per line, in order; ?classes=FILE"
    ),
    "frames": OptionText(_count, "N", "frames of a clip"),
    "fps": OptionText(_positive, "RATE", "frames per second of a clip"),
    "stride": OptionText(_count, "N", "distance of two frames of a clip, in frames of the video"),
    "size": OptionText(_count, "PIXELS", "height and width of a clip"),
    "mean": OptionText(_colors, "R,G,B", "mean of the pixels to subtract, in 0..1"),
    "std": OptionText(_colors, "R,G,B", "standard deviation of the pixels to divide by, in 0..1"),
    "device": OptionText(_text, "NAME", "device of the framework, such as cpu or cuda:1"),
    "dtype": OptionText(_text, "NAME", "floating-point type of the network, such as float16"),
    "seed": OptionText(_seed, "N", "random seed of random weights"),
    "revision": OptionText(_text, "NAME", "revision of a model on a hub"),
    "layout": OptionText(_text, "NCTHW|NTCHW|NTHWC", "axes of the network's input"),
    "outputs": OptionText(_text, "KIND", "whether outputs are probabilities or logits"),
    "checkpoint": OptionText(_text, "best|last|STEP", "checkpoint of a training run"),
}
