"""Defines the interface of motions, and what several of them use.

A motion adds offsets to a random start. The start is uniform on the torus, in size and, where a
class turns, in tilt. The offsets do not depend on the start, so every frame stays uniform and shows
nothing of the motion.
"""

import dataclasses
from typing import Annotated, Literal, Protocol

import numpy as np
from jaxtyping import Float

from albar_jax.schema.ranges import Range
from albar_jax.toy.spans import Span

# Frame numbers, 0 to T - 1.
Time = Float[np.ndarray, " t"]
# An offset in each frame, or the same one in all frames.
Offset = Float[np.ndarray, " t"] | float

# Fractions of the frame per frame. At more than half a frame a motion would look like its opposite.
Speed = Annotated[Span, Range(0, 0.5, above=True)]
# Fractions of the frame.
Distance = Annotated[Span, Range(0, 0.5, above=True)]
# Frames.
Period = Annotated[Span, Range(2, 1000)]
# Shares of a turn per frame.
TurnRate = Annotated[Span, Range(0, 0.5, above=True)]
Sense = Literal["clockwise", "counterclockwise"]


@dataclasses.dataclass(frozen=True)
class Offsets:
    """The changes of a sprite relative to its start.

    Attributes:
      x: to the right, as fractions of the frame.
      y: down, as fractions of the frame.
      octaves: doublings of the size.
      turns: clockwise turns.
    """

    x: Offset = 0.0
    y: Offset = 0.0
    octaves: Offset = 0.0
    turns: Offset = 0.0

    def __add__(self, other: "Offsets") -> "Offsets":
        """Returns both motions at once."""
        return Offsets(
            self.x + other.x,
            self.y + other.y,
            self.octaves + other.octaves,
            self.turns + other.turns,
        )


class Motion(Protocol):
    """The interface of motions, frozen dataclasses of their options."""

    def offsets(self, rng: np.random.Generator, time: Time) -> Offsets:
        """Draws the options of a clip and returns its offsets.

        Args:
          rng: random generator.
          time: frame numbers, 0 to T - 1, int (T,), T at least 2.
        """
        ...


def along(angle: float, distance: Offset, across: Offset = 0.0) -> Offsets:
    """Returns offsets in a direction.

    Args:
      angle: degrees, counterclockwise from the right.
      distance: fractions of the frame in this direction.
      across: fractions of the frame in the direction 90 degrees further.
    """
    # Rounded, so that right angles are exact on every machine.
    cos = round(float(np.cos(np.radians(angle))), 12)
    sin = round(float(np.sin(np.radians(angle))), 12)
    # y points down.
    return Offsets(x=cos * distance - sin * across, y=-(sin * distance + cos * across))


def triangle(time: Time, period: float, phase: float) -> Float[np.ndarray, " t"]:
    """Returns a triangle wave with slopes of plus and minus 1, one cycle per period."""
    cycle = (time / period + phase) % 1.0
    return period * np.abs(cycle - 0.5)


def circle(
    radius: Offset, turns: Float[np.ndarray, " t"], sense: Sense
) -> tuple[Float[np.ndarray, " t"], Float[np.ndarray, " t"]]:
    """Returns x (right) and y (down) of a circular motion."""
    angle = 2 * np.pi * turns
    if sense == "counterclockwise":
        angle = -angle
    return radius * np.cos(angle), radius * np.sin(angle)
