"""Motions that stay at one place: changes of size, and turns."""

import dataclasses
from typing import Annotated

import numpy as np

from albar_jax.schema.ranges import Range
from albar_jax.toy.motions.base import Offsets, Period, Sense, Time, TurnRate, triangle
from albar_jax.toy.spans import Span

# Doublings of the size. Sizes repeat after one doubling.
Octaves = Annotated[Span, Range(0, 0.5, above=True)]


@dataclasses.dataclass(frozen=True)
class Still:
    """Does not move."""

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        return Offsets()


@dataclasses.dataclass(frozen=True)
class Grow:
    """Grows by a constant ratio, and is small again after a doubling.

    Attributes:
      rate: doublings of the size per frame.
    """

    rate: Octaves

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        return Offsets(octaves=self.rate.draw(rng) * time)


@dataclasses.dataclass(frozen=True)
class Shrink:
    """Shrinks by a constant ratio, and is large again after a halving.

    Attributes:
      rate: halvings of the size per frame.
    """

    rate: Octaves

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        return Offsets(octaves=-self.rate.draw(rng) * time)


@dataclasses.dataclass(frozen=True)
class Pulse:
    """Grows and shrinks again and again, at a constant rate.

    Attributes:
      rate: doublings or halvings of the size per frame.
      period: frames from one smallest size to the next.
    """

    rate: Octaves
    period: Period

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        rate = self.rate.draw(rng)
        return Offsets(octaves=rate * triangle(time, self.period.draw(rng), rng.uniform()))


@dataclasses.dataclass(frozen=True)
class Spin:
    """Turns around its centre.

    Attributes:
      rate: turns per frame.
      sense: "clockwise" or "counterclockwise".
    """

    rate: TurnRate
    sense: Sense

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        turns = self.rate.draw(rng) * time
        return Offsets(turns=turns if self.sense == "clockwise" else -turns)


@dataclasses.dataclass(frozen=True)
class Rock:
    """Turns around its centre to and fro.

    Attributes:
      rate: turns per frame.
      period: frames to and fro.
    """

    rate: TurnRate
    period: Period

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        rate = self.rate.draw(rng)
        return Offsets(turns=rate * triangle(time, self.period.draw(rng), rng.uniform()))
