"""Moves the camera of a clip, and cuts to other clips."""

import dataclasses
from typing import Annotated

import numpy as np
from jaxtyping import Float

from albar_jax.schema.fields import Share
from albar_jax.schema.ranges import Range
from albar_jax.toy.motions.base import along
from albar_jax.toy.spans import ANY_ANGLE, ZERO, Angle, Span

Offsets = Float[np.ndarray, " t"]


@dataclasses.dataclass(frozen=True)
class Path:
    """The offsets of a clip's picture in each frame, as fractions of the frame.

    Attributes:
      background: offsets of the background to the right and down, each float64 (T,).
      mover: offsets of the mover, which only shakes.
    """

    background: tuple[Offsets, Offsets]
    mover: tuple[Offsets, Offsets]


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera, whose movement is independent of the class.

    The camera follows the mover in a pan: the background moves, and the motion of the mover in the
    picture stays the one of its class. A shake moves both.

    Attributes:
      share: share of the clips with a moving camera.
      pan: speed of the background, in fractions of the frame per frame.
      angle: direction of the background in degrees, counterclockwise from the right.
      shake: largest shift in each direction in each frame, as a fraction of the frame.
    """

    share: Share = 1.0
    pan: Annotated[Span, Range(0, 0.5)] = ZERO
    angle: Angle = ANY_ANGLE
    shake: Annotated[float, Range(0, 0.25)] = 0.0

    @property
    def moves(self) -> bool:
        """Returns whether any clip has a moving camera."""
        return self.share > 0 and (self.pan != ZERO or self.shake > 0)

    def draw(self, rng: np.random.Generator, num_frames: int) -> Path | None:
        """Draws the path of a clip; None if its camera stands still."""
        if not self.moves or rng.uniform() >= self.share:
            return None

        angle = self.angle.draw(rng)
        pan = along(angle, self.pan.draw(rng) * np.arange(num_frames))
        right, down = rng.uniform(-self.shake, self.shake, (2, num_frames))
        return Path((pan.x + right, pan.y + down), (right, down))


@dataclasses.dataclass(frozen=True)
class Cuts:
    """Scene changes near the ends of a clip: frames there are from another clip.

    Attributes:
      share: probability of a scene change, independently at each end.
      frames: number of frames from another clip at such an end, smallest and largest.
    """

    share: Share = 0.0
    frames: Annotated[Span, Range(1, 16)] = Span(1.0, 2.0)

    def draw(self, rng: np.random.Generator) -> int:
        """Draws the number of foreign frames at an end; 0 without a scene change."""
        if rng.uniform() >= self.share:
            return 0
        return int(rng.integers(int(self.frames.low), int(self.frames.high), endpoint=True))
