"""Ranges of numbers and texts: they test a value with `in`, and describe themselves."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Range:
    """A range of numbers from `low` to `high`.

    Attributes:
      low: lower end.
      high: upper end.
      above: whether the lower end is excluded.
      below: whether the upper end is excluded.
      infinite: whether infinity is allowed, to lift a limit.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    infinite: bool = False

    def __contains__(self, value: float) -> bool:
        """Returns whether a number is in the range; NaN never is."""
        # Every comparison with NaN is False.
        is_high_enough = value > self.low or (value == self.low and not self.above)
        is_low_enough = value < self.high or (value == self.high and not self.below)
        return is_high_enough and is_low_enough and (self.infinite or abs(value) != math.inf)

    def __str__(self) -> str:
        """Describes the range for an error message, as in "more than 0" or "from 0 to below 1"."""
        # Large limits are easier to read with commas.
        low = f"{self.low:,}"
        high = f"{self.high:,}"
        if self.high == math.inf:
            lower_end = f"more than {low}" if self.above else f"{low} or more"
            return f"{lower_end}, or inf for no limit" if self.infinite else lower_end

        if self.above and self.below:
            return f"between {low} and {high}"
        if self.above:
            return f"more than {low} and at most {high}"
        if self.below:
            return f"from {low} to below {high}"
        return f"from {low} to {high}"


@dataclasses.dataclass(frozen=True)
class FilePart:
    """A range of texts that can be part of a file name."""

    longest: int = 100

    def __contains__(self, value: str) -> bool:
        """Returns whether text is printable, neither empty nor too long, and no path."""
        # Slashes and a leading dot would name another or a hidden folder.
        has_length = 0 < len(value) <= self.longest
        return (
            has_length and value.isprintable() and not set(value) & set("/\\") and value[0] != "."
        )

    def __str__(self) -> str:
        """Describes the text for an error message."""
        return (
            f"1 to {self.longest} characters without slashes and not beginning with a dot: "
            "it names folders"
        )


@dataclasses.dataclass(frozen=True)
class OneOf:
    """A set of names that is known only at run time; use `Literal` for a fixed set."""

    names: tuple[str, ...]

    def __contains__(self, value: str) -> bool:
        """Returns whether the value is one of the names."""
        return value in self.names

    def __str__(self) -> str:
        """Lists the names for an error message."""
        return f"one of {', '.join(sorted(self.names))}"
