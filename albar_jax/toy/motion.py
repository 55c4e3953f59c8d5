"""Draws the eight actions of the quickstart world as motions on a torus.

Position and size are uniformly distributed in every frame of every action, so no single frame shows
the action. A uniform start that moves with wrap-around stays uniform, and so does a phase that
moves modulo 1.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

ACTIONS = ("left", "right", "up", "down", "shuttle_h", "shuttle_v", "grow", "shrink")

# Smallest radius, as a fraction of the frame. The largest one is twice as large.
MIN_RADIUS = 0.143
# Fractions of the frame per frame.
SPEED = (0.045, 0.08)
# Frames per period.
SHUTTLE_PERIOD = (5.0, 7.0)
# Octaves of size per frame.
SCALE_RATE = (0.10, 0.15)

# Unit vector (x, y) of each direction in the frame; y points down.
_TRANSLATION = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_SHUTTLE = {"shuttle_h": (1, 0), "shuttle_v": (0, 1)}
_SCALING = {"grow": 1, "shrink": -1}


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """The position and size of a sprite in each frame.

    Attributes:
      x: column as a fraction of the frame, 0 to 1, float64 (T,).
      y: row as a fraction of the frame, 0 to 1, float64 (T,).
      radius: radius as a fraction of the frame, 0.143 to 0.286, float64 (T,).
    """

    x: Float[np.ndarray, " t"]
    y: Float[np.ndarray, " t"]
    radius: Float[np.ndarray, " t"]


def draw(rng: np.random.Generator, action: str, num_frames: int) -> Trajectory:
    """Draws a trajectory of an action.

    Args:
      rng: random generator.
      action: one of ACTIONS.
      num_frames: number of frames, T.

    Raises:
      KeyError: there is no such action.
    """
    time = np.arange(num_frames)
    x, y = rng.uniform(size=2)
    phase = rng.uniform()

    direction = (0, 0)
    travel = np.zeros(num_frames)
    scaling = np.zeros(num_frames)
    if action in _SCALING:
        scaling = _SCALING[action] * rng.uniform(*SCALE_RATE) * time
    elif action in _TRANSLATION:
        direction = _TRANSLATION[action]
        travel = rng.uniform(*SPEED) * time
    else:
        direction = _SHUTTLE[action]
        travel = _shuttle(time, rng.uniform(*SPEED), rng.uniform(*SHUTTLE_PERIOD), rng.uniform())

    radius = MIN_RADIUS * 2.0 ** ((phase + scaling) % 1.0)
    return Trajectory((x + direction[0] * travel) % 1.0, (y + direction[1] * travel) % 1.0, radius)


def _shuttle(
    time: np.ndarray, speed: float, period: float, phase: float
) -> Float[np.ndarray, " t"]:
    """Returns a triangle wave with slopes of plus and minus `speed`, one cycle per period."""
    cycle = (time / period + phase) % 1.0
    return speed * period * np.abs(cycle - 0.5)
