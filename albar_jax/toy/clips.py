"""Draws the clips of a world as frames and masks."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, UInt8

from albar_jax.synthesis.composite import compose
from albar_jax.toy import camera, raster, sprites
from albar_jax.toy.world import Mover, Split, World


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip with everything that was drawn for it.

    Attributes:
      frames: uint8 RGB (T, size, size, 3).
      mask: coverage by the clip's own mover, float32 (T, size, size), 0 to 1; 0 in frames that show
        another clip.
      mover: its own mover.
      background: name of its background family.
      is_own: frames that show the clip itself, bool (T,).
    """

    frames: UInt8[np.ndarray, "t size size 3"]
    mask: Float[np.ndarray, "t size size"]
    mover: Mover
    background: str
    is_own: Bool[np.ndarray, " t"]


def draw_clip(world: World, split: Split, index: int) -> Clip:
    """Draws a clip.

    Args:
      world: the world.
      split: "train" or "test".
      index: number of the clip in its split.
    """
    clip = _draw_scene(world, split, index, slice(None))
    for cut in world.cuts(split, index):
        clip.frames[cut.frames] = _draw_scene(world, split, cut.clip, cut.frames).frames
        clip.mask[cut.frames] = 0.0
        clip.is_own[cut.frames] = False
    return clip


def draw_mover(
    mover: Mover, size: int
) -> tuple[Float[np.ndarray, "t size size 3"], Float[np.ndarray, "t size size"]]:
    """Draws a mover in each frame.

    Args:
      mover: the mover.
      size: side of a frame in pixels.

    Returns:
      colors: float32 (T, size, size, 3), 0 to 1.
      mask: coverage by the mover, float32 (T, size, size), 0 to 1.
    """
    return sprites.render(mover.sprite, mover.trajectory, size)


def _draw_scene(world: World, split: Split, index: int, frames: slice) -> Clip:
    """Draws some frames of a clip without its scene changes."""
    mover = world.mover(split, index)
    family, background = world.background(split, index)
    trajectory = mover.trajectory
    path = world.camera_path(split, index)
    if path is not None:
        trajectory = trajectory.shifted(*path.mover)
        background = raster.roll(background, *_cut(path, frames))

    colors, mask = sprites.render(mover.sprite, trajectory[frames], world.spec.size)
    is_own = np.ones(len(mask), bool)
    return Clip(compose(colors, mask, background), mask, mover, family, is_own)


def _cut(path: camera.Path, frames: slice) -> tuple[np.ndarray, np.ndarray]:
    """Returns the offsets of the background, to the right and down, in some frames."""
    right, down = path.background
    return right[frames], down[frames]
