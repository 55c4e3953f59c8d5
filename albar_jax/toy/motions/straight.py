"""Motions along a line."""

import dataclasses
from typing import Annotated

import numpy as np

from albar_jax.schema.ranges import Range
from albar_jax.toy.motions.base import Distance, Offsets, Period, Speed, Time, along, triangle
from albar_jax.toy.spans import Angle

Factor = Annotated[float, Range(0, 10)]


@dataclasses.dataclass(frozen=True)
class Translate:
    """Moves at a constant speed.

    Attributes:
      angle: direction in degrees, counterclockwise from the right.
      speed: fractions of the frame per frame.
    """

    angle: Angle
    speed: Speed

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        return along(angle, self.speed.draw(rng) * time)


@dataclasses.dataclass(frozen=True)
class Accelerate:
    """Moves at a speed that changes evenly over the clip.

    Attributes:
      angle: direction in degrees, counterclockwise from the right.
      speed: speed at the first frame, in fractions of the frame per frame.
      factor: speed at the last frame as a multiple of the first speed; below 1 it brakes.
    """

    angle: Angle
    speed: Speed
    factor: Factor

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        gain = (self.factor - 1) / (len(time) - 1)
        return along(angle, self.speed.draw(rng) * (time + gain * time**2 / 2))


@dataclasses.dataclass(frozen=True)
class StopAndGo:
    """Moves for a part of each period and rests for the remainder.

    Attributes:
      angle: direction in degrees, counterclockwise from the right.
      speed: speed while it moves, in fractions of the frame per frame.
      period: frames of a stop and a go.
      go: share of the period in which it moves.
    """

    angle: Angle
    speed: Speed
    period: Period
    go: Annotated[float, Range(0, 1, above=True, below=True)] = 0.5

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        speed = self.speed.draw(rng)
        period = self.period.draw(rng)
        cycles, share = np.divmod(time / period + rng.uniform(), 1.0)
        moving = period * (cycles * self.go + np.minimum(share, self.go))
        return along(angle, speed * moving)


@dataclasses.dataclass(frozen=True)
class Shuttle:
    """Moves to and fro at a constant speed.

    Attributes:
      angle: direction in degrees, counterclockwise from the right.
      speed: fractions of the frame per frame.
      period: frames to and fro.
    """

    angle: Angle
    speed: Speed
    period: Period

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        speed = self.speed.draw(rng)
        period = self.period.draw(rng)
        return along(angle, speed * triangle(time, period, rng.uniform()))


@dataclasses.dataclass(frozen=True)
class Sway:
    """Moves to and fro like a pendulum, slowly at the ends.

    Attributes:
      angle: direction in degrees, counterclockwise from the right.
      amplitude: farthest distance from the middle, in fractions of the frame.
      period: frames to and fro.
    """

    angle: Angle
    amplitude: Distance
    period: Period

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        amplitude = self.amplitude.draw(rng)
        turns = time / self.period.draw(rng) + rng.uniform()
        return along(angle, amplitude * np.sin(2 * np.pi * turns))


@dataclasses.dataclass(frozen=True)
class Zigzag:
    """Moves forward and, at the same speed, from side to side.

    Attributes:
      angle: forward direction in degrees, counterclockwise from the right.
      speed: fractions of the frame per frame, forward and sideways.
      period: frames from one side to the other and back.
    """

    angle: Angle
    speed: Speed
    period: Period

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        speed = self.speed.draw(rng)
        period = self.period.draw(rng)
        return along(angle, speed * time, speed * triangle(time, period, rng.uniform()))
