"""Draws families of bright sprites, antialiased on a torus."""

import colorsys
import dataclasses

import numpy as np
from jaxtyping import Float

from albar_jax.toy.motion import Trajectory
from albar_jax.toy.raster import SUBPIXELS, average_subpixels, fine_coordinates, torus_offset
from albar_jax.toy.shapes import SHAPES, TEXTURES, Plane

Color = tuple[float, float, float]

# In radians, in a world without motions that turn.
MAX_TILT = 0.25
# Subpixels to draw at once; each takes about 40 bytes.
_MOST_SUBPIXELS = 2**21


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of sprites.

    Attributes:
      name: its name, unique in its world.
      shape: its outline, a key of SHAPES.
      hue: its hue, 0 to 1; each sprite differs by at most 0.03.
      texture: its pattern of two tones, a key of TEXTURES.
    """

    name: str
    shape: str
    hue: float
    texture: str = "check"


@dataclasses.dataclass(frozen=True)
class Sprite:
    """The appearance of a sprite.

    Attributes:
      family: its family.
      tilt: its clockwise rotation in radians.
      tones: the two colors of its texture.
    """

    family: Family
    tilt: float
    tones: tuple[Color, Color]


def draw(rng: np.random.Generator, family: Family, max_tilt: float = MAX_TILT) -> Sprite:
    """Draws the tilt and the tones of a sprite.

    Both tones are bright (an HSV value of at least 0.9) and have the same hue.

    Args:
      rng: random generator.
      family: its family.
      max_tilt: largest rotation to either side, in radians.
    """
    hue = (family.hue + rng.uniform(-0.03, 0.03)) % 1.0
    deep = colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 0.75), rng.uniform(0.9, 1.0))
    pale = colorsys.hsv_to_rgb(hue, rng.uniform(0.15, 0.35), 1.0)
    return Sprite(family, rng.uniform(-max_tilt, max_tilt), (deep, pale))


def render(
    sprite: Sprite, trajectory: Trajectory, size: int
) -> tuple[Float[np.ndarray, "t size size 3"], Float[np.ndarray, "t size size"]]:
    """Draws a sprite along its trajectory. Parts that leave at one edge return at the opposite one.

    Args:
      sprite: its appearance.
      trajectory: its position, radius and rotation in each frame.
      size: side of the frame in pixels.

    Returns:
      colors: float32 (T, size, size, 3), 0 to 1; meaningful where the mask is not 0.
      mask: share of each pixel that the sprite covers, float32 (T, size, size), 0 to 1.
    """
    # A few frames at a time, to bound the memory of long clips of large frames.
    at_once = max(1, _MOST_SUBPIXELS // (size * SUBPIXELS) ** 2)
    colors, masks = [], []
    for first in range(0, len(trajectory.x), at_once):
        part = _render_part(sprite, trajectory[first : first + at_once], size)
        colors.append(part[0])
        masks.append(part[1])
    return np.concatenate(colors), np.concatenate(masks)


def _render_part(
    sprite: Sprite, trajectory: Trajectory, size: int
) -> tuple[Float[np.ndarray, "t size size 3"], Float[np.ndarray, "t size size"]]:
    u, v = _local_coordinates(sprite, trajectory, size)
    mask = average_subpixels(SHAPES[sprite.family.shape](u, v))

    # The texture is fixed to the sprite, so that it moves, grows and turns with it.
    pale_share = average_subpixels(TEXTURES[sprite.family.texture](u, v))[..., None]

    deep, pale = np.asarray(sprite.tones, np.float32)
    return pale_share * pale + (1 - pale_share) * deep, mask


def _local_coordinates(sprite: Sprite, trajectory: Trajectory, size: int) -> tuple[Plane, Plane]:
    """Returns each subpixel's coordinates relative to the sprite, in radii along its axes."""
    position = fine_coordinates(size)
    radius = trajectory.radius.astype(np.float32)[:, None]
    x = trajectory.x.astype(np.float32)[:, None]
    y = trajectory.y.astype(np.float32)[:, None]
    across = torus_offset(position, x)[:, None, :] / radius[:, None]
    down = torus_offset(position, y)[:, :, None] / radius[:, None]

    tilt = sprite.tilt + 2 * np.pi * np.broadcast_to(trajectory.turns, trajectory.x.shape)
    cos = np.cos(tilt).astype(np.float32)[:, None, None]
    sin = np.sin(tilt).astype(np.float32)[:, None, None]
    return cos * across + sin * down, cos * down - sin * across
