"""Defines types with ranges for config fields and method options, and checks values.

A field's annotation holds its type and range, as in `weight_decay: NonNegative`. `check` refuses
other types, booleans for numbers, NaN, infinity, and numbers out of range.
"""

import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from albar_jax.errors import UserError
from albar_jax.schema.ranges import FilePart, Range
from albar_jax.storage.budget import MAX_BYTES
from albar_jax.terminal.flags import SEEDS

Method = TypeVar("Method")


FileName = Annotated[str, FilePart()]

# Real numbers.
Positive = Annotated[float, Range(0, above=True)]
NonNegative = Annotated[float, Range(0)]
# Probabilities and fractions.
Share = Annotated[float, Range(0, 1)]
ShareAboveZero = Annotated[float, Range(0, 1, above=True)]
# Dropout rates, and decays of moments.
ShareBelowOne = Annotated[float, Range(0, 1, below=True)]
Limit = Annotated[float, Range(0, above=True, infinite=True)]
OpenShare = Annotated[float, Range(0, 1, above=True, below=True)]

# Whole numbers. The upper ends exceed any sensible value, but are low enough not to crash.
MAX_STEPS = 10**8
Index = Annotated[int, Range(0, 10**6)]
Count = Annotated[int, Range(1, 10**6)]
Steps = Annotated[int, Range(1, MAX_STEPS)]
StepsDone = Annotated[int, Range(0, MAX_STEPS)]
Workers = Annotated[int, Range(0, 1024)]
Megabytes = Annotated[int, Range(0, 10**6)]
Pixels = Annotated[int, Range(1, 8192)]
PixelBudget = Annotated[int, Range(1, 2**48)]
# Files are read as a whole, and libraries count their bytes in 31 bits.
ByteBudget = Annotated[int, Range(1, MAX_BYTES)]
Seed = Annotated[int, Range(0, SEEDS - 1)]


def check(kind: Any, value: Any, where: str) -> Any:
    """Checks `value` against the annotation `kind` and converts an int to a float if needed.

    Digits become a whole number if `kind` allows a number or a word, because flags are text.

    Args:
      kind: a plain type, `Literal[...]`, `Annotated[type, Range(...)]`, `Mapping[...]`, or a union
        of these.
      value: value from the user.
      where: name of the field for the error message.

    Raises:
      UserError: `value` does not fit `kind`; the message has the value and the range.
    """
    options = _options(kind)

    # Python refuses to convert text of thousands of digits to an integer.
    is_short = isinstance(value, str) and len(value) < 20
    if is_short and value.isdecimal() and str not in options and any(map(_is_whole, options)):
        value = int(value)

    for option in options:
        fitting = _fitting(option, value)
        if fitting is not _UNFIT:
            return fitting

    is_finite = not isinstance(value, float) or math.isfinite(value)
    wanted = describe(kind, type(value) if is_finite else None)
    if all(typing.get_origin(option) is Literal for option in options):
        raise UserError(f"{where} is {value!r}; it is one of {wanted}")
    raise UserError(f"{where} is {value!r}; it has to be {wanted}")


def describe(kind: Any, given: type | None = None) -> str:
    """Describes the values of an annotation, as in "a whole number, from 1 to 8 or None".

    Args:
      kind: annotation of a field.
      given: type of a refused value. For a number in place of a number, only the range is stated.
    """
    return " or ".join(_in_words(option, given) for option in _options(kind))


def check_call(make: Callable[..., Any], options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Checks the keyword arguments of a function against its annotations and returns them.

    Raises:
      UserError: an option is unknown or out of range; `where` precedes its name in the message.
    """
    kinds = typing.get_type_hints(make, include_extras=True)
    parameters = inspect.signature(make).parameters
    checked_options = {}
    for name, value in options.items():
        if name not in parameters:
            known = ", ".join(parameters)
            raise UserError(f"{where}.{name} is unknown; its options are {known}")
        checked_options[name] = check(kinds.get(name, Any), value, f"{where}.{name}")

    return checked_options


def checked(make: Callable[..., Method]) -> Callable[..., Method]:
    """Decorates a method's `make` to check its arguments against their annotations."""
    where = make.__module__.rpartition(".")[2]

    @functools.wraps(make)
    def make_checked(*values: Any, **options: Any) -> Method:
        given = inspect.signature(make).bind(*values, **options).arguments
        return make(**check_call(make, given, where))

    return make_checked


def bare(kind: Any) -> type:
    """Returns the plain type of an annotation without its range; the first that is not None."""
    option = next(option for option in _options(kind) if option is not type(None))
    origin = typing.get_origin(option)
    if origin is Annotated:
        return typing.get_args(option)[0]
    if origin is Literal:
        return type(typing.get_args(option)[0])

    return option


# A sentinel, because None may fit.
_UNFIT = object()


def _options(kind: Any) -> tuple[Any, ...]:
    """Returns the members of a union, or the annotation itself."""
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def _is_whole(option: Any) -> bool:
    return typing.get_origin(option) is Annotated and typing.get_args(option)[0] is int


def _fitting(option: Any, value: Any) -> Any:
    """Returns the value converted to a member of a union, or _UNFIT."""
    if option is Any:
        return value

    origin = typing.get_origin(option)
    arguments = typing.get_args(option)
    if origin is Literal:
        # Compare types, too, because True equals 1.
        fits = any(value == one and type(value) is type(one) for one in arguments)
        return value if fits else _UNFIT

    plain = origin or option
    limits: tuple[Any, ...] = ()
    if origin is Annotated:
        plain = arguments[0]
        limits = arguments[1:]

    if isinstance(value, bool) and plain is not bool:
        return _UNFIT
    if plain is float and isinstance(value, int):
        value = _as_float(value)
    if not isinstance(value, plain):
        return _UNFIT

    # A number without a stated range has to be finite.
    if plain is float and not limits:
        limits = (Range(),)

    return value if all(value in limit for limit in limits) else _UNFIT


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _in_words(option: Any, given: type | None) -> str:
    """Describes a member of a union; only the range if a number was given for a number."""
    origin = typing.get_origin(option)
    arguments = typing.get_args(option)
    if option is type(None):
        return "None"
    if origin is Literal:
        return ", ".join(map(repr, arguments))

    if origin is Annotated:
        plain = arguments[0]
        limit = " and ".join(map(str, arguments[1:]))
        is_number = given is plain or (given is int and plain is float)
        return limit if is_number else f"{_NAMES.get(plain, plain.__name__)}, {limit}"

    plain = origin or option
    name: str = plain.__name__
    return _NAMES.get(plain, name)


_NAMES = {int: "a whole number", float: "a finite number", str: "text", bool: "True or False"}
