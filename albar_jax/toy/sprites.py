"""Eight families of bright sprites, drawn antialiased on a torus."""

import colorsys
import dataclasses
from collections.abc import Callable

import numpy as np

from albar_jax.toy.motion import Trajectory
from albar_jax.toy.raster import average_subpixels, fine_coordinates, torus_offset

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]
Color = tuple[float, float, float]

MAX_TILT = 0.25  # radians
CHECK_SIDE = 0.6  # of the radius


def _disk(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u * u + v * v < 1.0


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) < 0.88


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (v < 0.65) & (abs(u) < 0.58 * (v + 1.1))


def _plus(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.minimum(abs(u), abs(v)) < 0.34) & (np.maximum(abs(u), abs(v)) < 1.05)


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return abs(np.hypot(u, v) - 0.8) < 0.25


def _flower(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.hypot(u, v) < 0.82 + 0.26 * np.cos(5 * np.arctan2(v, u))


def _diamond(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return abs(u) / 0.85 + abs(v) / 1.2 < 1.0


def _crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (u * u + v * v < 1.1) & ((u - 0.5) ** 2 + v * v > 0.62)


# In units of the radius, u right and v down. No shape reaches 1.7, half a frame at the largest radius: beyond
# that a sprite would meet itself on the torus.
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
    """One painted shape: its family (a key of SHAPES), its tilt in radians, and the two tones of its check."""

    family: str
    tilt: float
    tones: tuple[Color, Color]


def draw(rng: np.random.Generator, family: str) -> Sprite:
    """Draws the sprite's tilt and tones; both tones are bright (value .9 or more) and share a hue."""
    hue = (HUES[family] + rng.uniform(-0.03, 0.03)) % 1.0
    deep = colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 0.75), rng.uniform(0.9, 1.0))
    pale = colorsys.hsv_to_rgb(hue, rng.uniform(0.15, 0.35), 1.0)
    return Sprite(family, rng.uniform(-MAX_TILT, MAX_TILT), (deep, pale))


def render(sprite: Sprite, trajectory: Trajectory, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the sprite along its trajectory; what leaves at one edge comes back at the other.

    Returns:
        The colours, float32 (T, size, size, 3) in 0..1, meaningful where the mask is not 0, and the mask, float32
        (T, size, size) in 0..1: the share of each pixel that the sprite covers.
    """
    position = fine_coordinates(size)
    cos, sin = np.float32(np.cos(sprite.tilt)), np.float32(np.sin(sprite.tilt))
    radius = trajectory.radius.astype(np.float32)[:, None]
    across = (
        torus_offset(position, trajectory.x.astype(np.float32)[:, None])[:, None, :]
        / radius[:, None]
    )
    down = (
        torus_offset(position, trajectory.y.astype(np.float32)[:, None])[:, :, None]
        / radius[:, None]
    )
    u, v = cos * across + sin * down, cos * down - sin * across
    mask = average_subpixels(SHAPES[sprite.family](u, v))
    # The check is anchored to the sprite, so that it moves, grows and tilts with it.
    column, row = (np.floor(axis / CHECK_SIDE).astype(np.int8) for axis in (u, v))
    check = average_subpixels(((column ^ row) & 1).astype(bool))[..., None]
    deep, pale = np.asarray(sprite.tones, np.float32)
    return check * pale + (1 - check) * deep, mask
