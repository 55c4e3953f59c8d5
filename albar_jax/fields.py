"""Types with ranges for config fields and method options, and the one check of a value against its type.

A field is annotated with its type and its range, as in `weight_decay: NonNegative`. `check` refuses whatever cannot be
meant: another type, a boolean for a number, NaN, infinity, or a number out of range.
"""

import dataclasses
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from albar_jax.errors import UserError
from albar_jax.flags import SEEDS

Made = TypeVar("Made")


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`.

    Attributes:
      low: the lower end.
      high: the upper end.
      above: excludes the lower end itself.
      below: excludes the upper end itself.
      infinite: allows infinity, where that is how a limit is lifted.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    infinite: bool = False

    def __contains__(self, value: float) -> bool:
        """Tells whether a number is in the range; NaN never is, and infinity only where it has a meaning."""
        is_high_enough = value > self.low if self.above else value >= self.low
        is_low_enough = value < self.high if self.below else value <= self.high
        return is_high_enough and is_low_enough and (self.infinite or abs(value) != math.inf)

    def __str__(self) -> str:
        """Describes the range for an error message, as in "more than 0" or "from 0 to below 1"."""
        low, high = f"{self.low:,}", f"{self.high:,}"
        if self.high == math.inf:
            without_end = f"more than {low}" if self.above else f"{low} or more"
            return f"{without_end}, or inf for no limit" if self.infinite else without_end
        if self.above:
            return f"between {low} and {high}" if self.below else f"more than {low} and at most {high}"
        return f"from {low} to below {high}" if self.below else f"from {low} to {high}"


@dataclasses.dataclass(frozen=True)
class FilePart:
    """Text that can be part of the name of a file."""

    longest: int = 100

    def __contains__(self, value: str) -> bool:
        """Tells whether text is printable, neither empty nor too long, and no path."""
        return (
            0 < len(value) <= self.longest and value.isprintable() and not set(value) & set("/\\") and value[0] != "."
        )

    def __str__(self) -> str:
        """Describes the text for an error message."""
        return f"1 to {self.longest} characters without slashes and not beginning with a dot: it names folders"


FileName = Annotated[str, FilePart()]
# Real numbers.
Positive = Annotated[float, Range(0, above=True)]
NonNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]  # probabilities, fractions
ShareBelowOne = Annotated[float, Range(0, 1, below=True)]  # dropout rates, decays of moments
Limit = Annotated[float, Range(0, above=True, infinite=True)]
OpenShare = Annotated[float, Range(0, 1, above=True, below=True)]
MAX_STEPS = 10**8
# Whole numbers. The upper ends are far beyond what anybody means, and below what ends in a traceback.
Index = Annotated[int, Range(0, 10**6)]
Count = Annotated[int, Range(1, 10**6)]
Steps = Annotated[int, Range(1, MAX_STEPS)]
Workers = Annotated[int, Range(0, 1024)]
Pixels = Annotated[int, Range(1, 8192)]
Seed = Annotated[int, Range(0, SEEDS - 1)]


def check(kind: Any, value: Any, where: str) -> Any:
    """Returns `value` as a value of the annotation `kind`: an int becomes a float where one is wanted.

    Digits become a whole number where a number or a word is wanted, because that is how flags give it.

    Args:
      kind: a plain type, `Literal[...]`, `Annotated[type, Range(...)]`, `Mapping[...]`, or a union of these.
      value: what the user gave.
      where: the name of the field, for the error message.

    Raises:
      UserError: if `value` is not one of `kind`, with the value and what it has to be.
    """
    options = _options(kind)
    if isinstance(value, str) and value.isdecimal() and str not in options and any(map(_is_whole, options)):
        value = int(value)
    for option in options:
        fitting = _fitting(option, value)
        if fitting is not _UNFIT:
            return fitting
    is_finite = not isinstance(value, float) or math.isfinite(value)
    wanted = " or ".join(_in_words(option, type(value) if is_finite else None) for option in options)
    if all(typing.get_origin(option) is Literal for option in options):
        raise UserError(f"{where} is {value!r}; it is one of {wanted}")
    raise UserError(f"{where} is {value!r}; it has to be {wanted}")


def check_call(make: Callable[..., Any], options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Returns the keyword arguments of a function, each checked against its annotation.

    Raises:
      UserError: for an unknown option or an impossible value; `where` comes before its name in the message.
    """
    kinds = typing.get_type_hints(make, include_extras=True)
    known = inspect.signature(make).parameters
    for name in options:
        if name not in known:
            raise UserError(f"{where}.{name} is unknown; its options are {', '.join(known)}")
    return {name: check(kinds.get(name, Any), value, f"{where}.{name}") for name, value in options.items()}


def checked(make: Callable[..., Made]) -> Callable[..., Made]:
    """Decorates the `make` of a method: it refuses what its annotations do not allow, with a UserError."""
    where = make.__module__.rpartition(".")[2]

    @functools.wraps(make)
    def make_checked(*values: Any, **options: Any) -> Made:
        given = inspect.signature(make).bind(*values, **options).arguments
        return make(**check_call(make, given, where))

    return make_checked


def bare(kind: Any) -> type:
    """Returns the plain type of an annotation without its range, the first one that is not None."""
    option = next(option for option in _options(kind) if option is not type(None))
    if typing.get_origin(option) is Annotated:
        return typing.get_args(option)[0]
    return type(typing.get_args(option)[0]) if typing.get_origin(option) is Literal else option


_UNFIT = object()  # None may fit


def _options(kind: Any) -> tuple[Any, ...]:
    """The members of a union; the annotation itself if it is none."""
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def _is_whole(option: Any) -> bool:
    return typing.get_origin(option) is Annotated and typing.get_args(option)[0] is int


def _fitting(option: Any, value: Any) -> Any:
    """The value as one of a union's members, _UNFIT if it is none of it."""
    if option is Any:
        return value
    origin, arguments = typing.get_origin(option), typing.get_args(option)
    if origin is Literal:
        # By type, too: True equals 1.
        return value if any(value == one and type(value) is type(one) for one in arguments) else _UNFIT
    plain, limits = (arguments[0], arguments[1:]) if origin is Annotated else (origin or option, ())
    if isinstance(value, bool) and plain is not bool:
        return _UNFIT
    if plain is float and isinstance(value, int):
        value = _as_float(value)
    if not isinstance(value, plain):
        return _UNFIT
    if plain is float and not limits:
        limits = (Range(),)
    return value if all(value in limit for limit in limits) else _UNFIT


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _in_words(option: Any, given: type | None) -> str:
    """What a member of a union may be; of a number given for a number, the range alone."""
    origin, arguments = typing.get_origin(option), typing.get_args(option)
    if option is type(None):
        return "None"
    if origin is Literal:
        return ", ".join(map(repr, arguments))
    if origin is Annotated:
        plain, limit = arguments[0], " and ".join(map(str, arguments[1:]))
        is_number = given is plain or (given is int and plain is float)
        return limit if is_number else f"{_NAMES.get(plain, plain.__name__)}, {limit}"
    plain = origin or option
    return _NAMES.get(plain, plain.__name__)


_NAMES = {int: "a whole number", float: "a finite number", str: "text", bool: "True or False"}
