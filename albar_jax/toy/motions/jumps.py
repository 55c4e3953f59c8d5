"""Motions in single steps."""

import dataclasses

import numpy as np

from albar_jax.toy.motions.base import Distance, Offsets, Period, Time, along
from albar_jax.toy.spans import Angle


@dataclasses.dataclass(frozen=True)
class Hop:
    """Rests, and jumps once in each period.

    Attributes:
      angle: direction in degrees, counterclockwise from the right.
      step: length of a jump, in fractions of the frame.
      period: frames from jump to jump.
    """

    angle: Angle
    step: Distance
    period: Period

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angle = self.angle.draw(rng)
        step = self.step.draw(rng)
        jumps = np.floor(time / self.period.draw(rng) + rng.uniform())
        return along(angle, step * jumps)


@dataclasses.dataclass(frozen=True)
class Jitter:
    """Takes a step in a new random direction in each frame.

    Attributes:
      step: length of a step, in fractions of the frame.
    """

    step: Distance

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Implements Motion."""
        angles = rng.uniform(0, 2 * np.pi, len(time))
        step = self.step.draw(rng)
        return Offsets(x=step * np.cumsum(np.cos(angles)), y=step * np.cumsum(np.sin(angles)))
