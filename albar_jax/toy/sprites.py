"""Draws eight families of bright sprites, antialiased on a torus."""

import colorsys
import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from albar_jax.toy.motion import Trajectory
from albar_jax.toy.raster import average_subpixels, fine_coordinates, torus_offset

# Returns the pixels inside of a shape, given coordinates u (right) and v (down) in radii.
Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]
Color = tuple[float, float, float]
Plane = Float[np.ndarray, "t h w"]
Inside = Bool[np.ndarray, "t h w"]

# In radians.
MAX_TILT = 0.25
# Side of a square of the check pattern, in radii.
CHECK_SIDE = 0.6


def _disk(u: Plane, v: Plane) -> Inside:
    return u * u + v * v < 1.0


def _square(u: Plane, v: Plane) -> Inside:
    return np.maximum(abs(u), abs(v)) < 0.88


def _triangle(u: Plane, v: Plane) -> Inside:
    return (v < 0.65) & (abs(u) < 0.58 * (v + 1.1))


def _plus(u: Plane, v: Plane) -> Inside:
    return (np.minimum(abs(u), abs(v)) < 0.34) & (np.maximum(abs(u), abs(v)) < 1.05)


def _ring(u: Plane, v: Plane) -> Inside:
    return abs(np.hypot(u, v) - 0.8) < 0.25


def _flower(u: Plane, v: Plane) -> Inside:
    return np.hypot(u, v) < 0.82 + 0.26 * np.cos(5 * np.arctan2(v, u))


def _diamond(u: Plane, v: Plane) -> Inside:
    return abs(u) / 0.85 + abs(v) / 1.2 < 1.0


def _crescent(u: Plane, v: Plane) -> Inside:
    return (u * u + v * v < 1.1) & ((u - 0.5) ** 2 + v * v > 0.62)


# No shape extends to 1.7 radii, which is half a frame at the largest radius. A larger sprite would
# overlap itself on the torus.
SHAPES: dict[str, Shape] = {
    "disk": _disk,
    "square": _square,
    "triangle": _triangle,
    "plus": _plus,
    "ring": _ring,
    "flower": _flower,
    "diamond": _diamond,
    "crescent": _crescent,
}
HUES = dict(zip(SHAPES, (0.55, 0.05, 0.80, 0.30, 0.68, 0.18, 0.93, 0.42), strict=True))


@dataclasses.dataclass(frozen=True)
class Sprite:
    """The appearance of a sprite.

    Attributes:
      family: its shape, a key of SHAPES.
      tilt: its rotation in radians.
      tones: the two colors of its check pattern.
    """

    family: str
    tilt: float
    tones: tuple[Color, Color]


def draw(rng: np.random.Generator, family: str) -> Sprite:
    """Draws the tilt and the tones of a sprite.

    Both tones are bright (an HSV value of at least 0.9) and have the same hue.

    Args:
      rng: random generator.
      family: a key of SHAPES.
    """
    hue = (HUES[family] + rng.uniform(-0.03, 0.03)) % 1.0
    deep = colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 0.75), rng.uniform(0.9, 1.0))
    pale = colorsys.hsv_to_rgb(hue, rng.uniform(0.15, 0.35), 1.0)
    return Sprite(family, rng.uniform(-MAX_TILT, MAX_TILT), (deep, pale))


def render(
    sprite: Sprite, trajectory: Trajectory, size: int
) -> tuple[Float[np.ndarray, "t size size 3"], Float[np.ndarray, "t size size"]]:
    """Draws a sprite along its trajectory. Parts that leave at one edge return at the opposite one.

    Args:
      sprite: its appearance.
      trajectory: its position and radius in each frame.
      size: side of the frame in pixels.

    Returns:
      colors: float32 (T, size, size, 3), 0 to 1; meaningful where the mask is not 0.
      mask: share of each pixel that the sprite covers, float32 (T, size, size), 0 to 1.
    """
    u, v = _local_coordinates(sprite, trajectory, size)
    mask = average_subpixels(SHAPES[sprite.family](u, v))

    # The check pattern is fixed to the sprite, so that it moves, grows and tilts with it.
    column = np.floor(u / CHECK_SIDE).astype(np.int8)
    row = np.floor(v / CHECK_SIDE).astype(np.int8)
    check = average_subpixels(((column ^ row) & 1).astype(bool))[..., None]

    deep, pale = np.asarray(sprite.tones, np.float32)
    return check * pale + (1 - check) * deep, mask


def _local_coordinates(sprite: Sprite, trajectory: Trajectory, size: int) -> tuple[Plane, Plane]:
    """Returns each subpixel's coordinates relative to the sprite, in radii along its axes."""
    position = fine_coordinates(size)
    radius = trajectory.radius.astype(np.float32)[:, None]
    x = trajectory.x.astype(np.float32)[:, None]
    y = trajectory.y.astype(np.float32)[:, None]
    across = torus_offset(position, x)[:, None, :] / radius[:, None]
    down = torus_offset(position, y)[:, :, None] / radius[:, None]

    cos = np.float32(np.cos(sprite.tilt))
    sin = np.float32(np.sin(sprite.tilt))
    return cos * across + sin * down, cos * down - sin * across
