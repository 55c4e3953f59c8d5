"""Motions along a curve."""

import dataclasses
from typing import Annotated

import numpy as np

from albar_jax.schema.ranges import Range
from albar_jax.toy.motions.base import Distance, Offsets, Period, Sense, Time, along, circle
from albar_jax.toy.spans import Angle


@dataclasses.dataclass(frozen=True)
class Orbit:
    """Moves on a circle.

    Attributes:
      radius: radius of the circle, in fractions of the frame.
      period: frames for a whole circle.
      sense: "clockwise" or "counterclockwise".
    """

    radius: Distance
    period: Period
    sense: Sense

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        radius = self.radius.draw(rng)
        turns = time / self.period.draw(rng) + rng.uniform()
        return Offsets(*circle(radius, turns, self.sense))


@dataclasses.dataclass(frozen=True)
class Spiral:
    """Moves on a circle whose radius changes evenly over the clip.

    Attributes:
      radius: radius at the first frame, in fractions of the frame.
      factor: radius at the last frame as a multiple of the first one; below 1 it moves inward.
      period: frames for a whole circle.
      sense: "clockwise" or "counterclockwise".
    """

    radius: Distance
    factor: Annotated[float, Range(0, 20)]
    period: Period
    sense: Sense

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        growth = 1 + (self.factor - 1) * time / (len(time) - 1)
        radius = self.radius.draw(rng) * growth
        turns = time / self.period.draw(rng) + rng.uniform()
        return Offsets(*circle(radius, turns, self.sense))


@dataclasses.dataclass(frozen=True)
class Eight:
    """Moves on a figure eight.

    Attributes:
      angle: direction of the eight's long axis in degrees, counterclockwise from the right.
      amplitude: half of its length, in fractions of the frame; it is half as wide as long.
      period: frames for a whole eight.
    """

    angle: Angle
    amplitude: Distance
    period: Period

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        amplitude = self.amplitude.draw(rng)
        phase = 2 * np.pi * (time / self.period.draw(rng) + rng.uniform())
        return along(angle, amplitude * np.sin(phase), amplitude / 2 * np.sin(2 * phase))


@dataclasses.dataclass(frozen=True)
class Square:
    """Moves along the sides of a square at a constant speed.

    Attributes:
      angle: direction of one side in degrees, counterclockwise from the right.
      side: length of a side, in fractions of the frame.
      period: frames for all four sides.
      sense: "clockwise" or "counterclockwise".
    """

    angle: Angle
    side: Distance
    period: Period
    sense: Sense

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        side = self.side.draw(rng)
        position = 4 * (time / self.period.draw(rng) + rng.uniform()) % 4
        if self.sense == "clockwise":
            position = 4 - position

        # Along one side, up the next one, back, and down.
        forward = np.clip(position, 0, 1) - np.clip(position - 2, 0, 1)
        sideways = np.clip(position - 1, 0, 1) - np.clip(position - 3, 0, 1)
        return along(angle, side * forward, side * sideways)
