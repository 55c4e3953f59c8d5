"""Ranges in the file of a world, from which each clip draws a value."""

import dataclasses
from typing import Annotated, Any

import numpy as np

from albar_jax.errors import UserError
from albar_jax.schema.fields import check
from albar_jax.schema.ranges import Range


@dataclasses.dataclass(frozen=True)
class Span:
    """A range of numbers; each clip draws one of them.

    Attributes:
      low: smallest value.
      high: largest value, at least `low`.
    """

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """Returns a uniform value; without a random draw if the range is a single number."""
        if self.low == self.high:
            return self.low
        return rng.uniform(self.low, self.high)


ZERO = Span(0.0, 0.0)
# Degrees, counterclockwise from the right.
ANY_ANGLE = Span(0.0, 360.0)

Angle = Annotated[Span, Range(-360, 360)]


def read_span(value: Any, limit: Range, where: str) -> Span:
    """Reads a number, or a list of the smallest and the largest number.

    Args:
      value: value from the file.
      limit: range of both numbers.
      where: name of the field for the error message.

    Raises:
      UserError: it is neither, or out of range.
    """
    ends = value if isinstance(value, list) else [value, value]
    if len(ends) != 2:
        raise UserError(
            f"{where} is {value!r}; it has to be one number or [smallest, largest], {limit}"
        )

    low, high = (check(Annotated[float, limit], end, where) for end in ends)
    if low > high:
        raise UserError(f"{where} is {value!r}; write the smaller number first")
    return Span(low, high)
