"""The eight actions of the quickstart world, as motion on a torus.

Position and size are uniform in every frame of every action, so that no single frame tells the action:
a start drawn uniformly and moved with wrap-around stays uniform, and so does a phase moved modulo 1.
"""

import dataclasses

import numpy as np

ACTIONS = ("left", "right", "up", "down", "shuttle_h", "shuttle_v", "grow", "shrink")

MIN_RADIUS = 0.143  # of the frame; the largest is twice that
SPEED = (0.045, 0.08)  # of the frame, per frame
SHUTTLE_PERIOD = (5.0, 7.0)  # frames
SCALE_RATE = (0.10, 0.15)  # octaves of size per frame

# Unit direction (x, y) on the picture; y points down.
_TRANSLATION = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_SHUTTLE = {"shuttle_h": (1, 0), "shuttle_v": (0, 1)}
_SCALING = {"grow": 1, "shrink": -1}


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """Where the sprite is and how large: x, y in 0..1 and radius in .143..0.286 of the frame, float64 (T,) each."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray


def draw(rng: np.random.Generator, action: str, num_frames: int) -> Trajectory:
    """Draws one trajectory of the action, one of ACTIONS (KeyError otherwise)."""
    time = np.arange(num_frames)
    (x, y), phase = rng.uniform(size=2), rng.uniform()
    travel, scaling = np.zeros(num_frames), np.zeros(num_frames)
    direction = (0, 0)
    if action in _SCALING:
        scaling = _SCALING[action] * rng.uniform(*SCALE_RATE) * time
    elif action in _TRANSLATION:
        direction, travel = _TRANSLATION[action], rng.uniform(*SPEED) * time
    else:
        direction = _SHUTTLE[action]
        travel = _shuttle(time, rng.uniform(*SPEED), rng.uniform(*SHUTTLE_PERIOD), rng.uniform())
    radius = MIN_RADIUS * 2.0 ** ((phase + scaling) % 1.0)
    return Trajectory((x + direction[0] * travel) % 1.0, (y + direction[1] * travel) % 1.0, radius)


def _shuttle(time: np.ndarray, speed: float, period: float, phase: float) -> np.ndarray:
    """Returns a triangle wave of slope +-speed: there and back once per period."""
    cycle = (time / period + phase) % 1.0
    return speed * period * np.abs(cycle - 0.5)
