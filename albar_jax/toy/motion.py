"""Draws the path of a sprite on a torus: its start, and the motions of its class.

Position and size are uniformly distributed in every frame of every class, so no single frame shows
the class. A uniform start that moves with wrap-around stays uniform, and so does a phase that
moves modulo 1.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from albar_jax.toy.motions import Motion, Offsets

# Smallest radius, as a fraction of the frame. The largest one is twice as large.
MIN_RADIUS = 0.143


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """The position, size and rotation of a sprite in each frame.

    Attributes:
      x: column as a fraction of the frame, 0 to 1, float64 (T,).
      y: row as a fraction of the frame, 0 to 1, float64 (T,).
      radius: radius as a fraction of the frame, float64 (T,).
      turns: clockwise turns relative to the sprite's tilt, float64 (T,), or 0.
    """

    x: Float[np.ndarray, " t"]
    y: Float[np.ndarray, " t"]
    radius: Float[np.ndarray, " t"]
    turns: Float[np.ndarray, " t"] | float = 0.0

    def __getitem__(self, frames: slice) -> "Trajectory":
        """Returns the trajectory in some of its frames."""
        turns = np.broadcast_to(self.turns, self.x.shape)
        return Trajectory(self.x[frames], self.y[frames], self.radius[frames], turns[frames])

    def shifted(self, x: Float[np.ndarray, " t"], y: Float[np.ndarray, " t"]) -> "Trajectory":
        """Returns the trajectory with offsets added to its positions."""
        return dataclasses.replace(self, x=(self.x + x) % 1.0, y=(self.y + y) % 1.0)


def draw(
    rng: np.random.Generator,
    motions: Sequence[Motion],
    num_frames: int,
    min_radius: float = MIN_RADIUS,
) -> Trajectory:
    """Draws a trajectory of a class.

    Args:
      rng: random generator.
      motions: the motions of the class, which happen at once.
      num_frames: number of frames, T, at least 2.
      min_radius: smallest radius, as a fraction of the frame.
    """
    time = np.arange(num_frames)
    x, y = rng.uniform(size=2)
    phase = rng.uniform()

    total = Offsets()
    for motion in motions:
        total = total + motion.offsets(rng, time)

    still = np.zeros(num_frames)
    radius = min_radius * 2.0 ** ((phase + total.octaves + still) % 1.0)
    return Trajectory((x + total.x + still) % 1.0, (y + total.y + still) % 1.0, radius, total.turns)
