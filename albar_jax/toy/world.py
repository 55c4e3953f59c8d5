"""Defines the quickstart world of small clips with a known bias.

In the clips of both splits, scenery and appearance mostly give away the action. In the SCUBA clips
the scenery does not. A clip is a function of (seed, split, index) and does not depend on other
clips, so any clip can be made again alone.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from albar_jax.errors import UserError
from albar_jax.toy import backgrounds, motion, sprites

Split = Literal["train", "test"]

NUM_FRAMES = 8
SIZE = 32

_SPLITS = ("train", "test")
_PARTS = ("mover", "background", "novel_background")


@dataclasses.dataclass(frozen=True)
class Mover:
    """A moving sprite.

    Attributes:
      action: the label, one of motion.ACTIONS.
      sprite: its appearance.
      trajectory: its motion.
    """

    action: str
    sprite: sprites.Sprite
    trajectory: motion.Trajectory


@dataclasses.dataclass(frozen=True)
class World:
    """All clips of one seed.

    Attributes:
      seed: random seed.
      bias: probability that the background has the family that belongs to the action, 0 to 1. The
        same holds independently for the family of the sprite. Otherwise the family is one of the
        other seven. 1/8 is the control without bias.

    Raises:
      UserError: a number is out of range.
    """

    seed: int = 0
    bias: float = 0.85

    def __post_init__(self):
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}; give 0 or more")
        if not 0 <= self.bias <= 1:
            raise UserError(f"--bias is {self.bias}; give a probability from 0 to 1")

    def mover(self, split: Split, index: int) -> Mover:
        """Returns the mover of a clip."""
        rng = self._generator(split, "mover", index)
        action = action_of(index)
        # Appearance is biased like the scenery, but drawn independently.
        family = self._draw_family(rng, action, tuple(sprites.SHAPES))
        sprite = sprites.draw(rng, family)
        return Mover(action, sprite, motion.draw(rng, action, NUM_FRAMES))

    def background(self, split: Split, index: int) -> tuple[str, Float[np.ndarray, "size size 3"]]:
        """Returns the background of a clip: its family and its image, float32 (SIZE, SIZE, 3)."""
        rng = self._generator(split, "background", index)
        family = self._draw_family(rng, action_of(index), tuple(backgrounds.PATTERNS))
        return family, backgrounds.draw(rng, family, SIZE)

    def novel_background(self, index: int) -> tuple[str, Float[np.ndarray, "size size 3"]]:
        """Returns a background for SCUBA, of a kind that no training clip has.

        Args:
          index: number of the background.

        Returns:
          kind: "sinusoid" for an even index, "octaves" for an odd one.
          picture: float32 (SIZE, SIZE, 3).
        """
        rng = self._generator("test", "novel_background", index)
        if index % 2 == 0:
            return "sinusoid", backgrounds.draw_sinusoid(rng, SIZE)
        return "octaves", backgrounds.draw_octaves(rng, SIZE)

    def _generator(self, split: Split, part: str, index: int) -> np.random.Generator:
        # Each part of a clip has its own random stream.
        key = (_SPLITS.index(split), _PARTS.index(part), index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _draw_family(self, rng: np.random.Generator, action: str, families: Sequence[str]) -> str:
        # Families and actions are paired by their order.
        own = families[motion.ACTIONS.index(action)]
        if rng.uniform() < self.bias:
            return own
        return str(rng.choice([family for family in families if family != own]))


def action_of(index: int) -> str:
    """Returns the action of a clip.

    Each group of eight consecutive clips contains every action once. The order shifts by one from
    group to group. So the index modulo two or eight does not give away the action.

    Args:
      index: number of the clip in its split.
    """
    count = len(motion.ACTIONS)
    return motion.ACTIONS[(index + index // count) % count]


def draw_mover(
    mover: Mover,
) -> tuple[Float[np.ndarray, "t size size 3"], Float[np.ndarray, "t size size"]]:
    """Draws a mover in each frame.

    Returns:
      colors: float32 (NUM_FRAMES, SIZE, SIZE, 3), 0 to 1.
      mask: coverage by the mover, float32 (NUM_FRAMES, SIZE, SIZE), 0 to 1.
    """
    return sprites.render(mover.sprite, mover.trajectory, SIZE)
