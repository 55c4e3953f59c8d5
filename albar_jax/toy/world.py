"""The quickstart world: clips in which scenery and looks betray the action, and test clips in which they do not.

A clip is a function of (seed, split, index), never of the clips around it, so any clip can be made again alone.
"""

import dataclasses
from typing import Literal

import numpy as np

from albar_jax.toy import backgrounds, motion, sprites

Split = Literal["train", "test"]

NUM_FRAMES = 8
SIZE = 32

_SPLITS = ("train", "test")
_PARTS = ("mover", "background", "novel_background")


@dataclasses.dataclass(frozen=True)
class Mover:
    """Who moves and how: `action` is one of motion.ACTIONS, the label."""

    action: str
    sprite: sprites.Sprite
    trajectory: motion.Trajectory


@dataclasses.dataclass(frozen=True)
class World:
    """All clips of one seed.

    `bias` is the probability that the background family, and independently the sprite family, is the one that goes
    with the action; otherwise it is one of the other seven. 1/8 is the control: no short cut.
    """

    seed: int = 0
    bias: float = 0.85

    def mover(self, split: Split, index: int) -> Mover:
        """Returns the action, sprite and trajectory of a clip."""
        rng = self._generator(split, "mover", index)
        action = action_of(index)
        sprite = sprites.draw(rng, self._draw_family(rng, action, tuple(sprites.SHAPES)))
        return Mover(action, sprite, motion.draw(rng, action, NUM_FRAMES))

    def background(self, split: Split, index: int) -> tuple[str, np.ndarray]:
        """Returns a clip's own background: its family and the picture, float32 (SIZE, SIZE, 3)."""
        rng = self._generator(split, "background", index)
        family = self._draw_family(rng, action_of(index), tuple(backgrounds.PATTERNS))
        return family, backgrounds.draw(rng, family, SIZE)

    def novel_background(self, index: int) -> tuple[str, np.ndarray]:
        """Returns a background for SCUBA: "sinusoid" (even index) or "octaves" (odd), and the picture."""
        rng = self._generator("test", "novel_background", index)
        if index % 2 == 0:
            return "sinusoid", backgrounds.draw_sinusoid(rng, SIZE)
        return "octaves", backgrounds.draw_octaves(rng, SIZE)

    def _generator(self, split: Split, part: str, index: int) -> np.random.Generator:
        key = (_SPLITS.index(split), _PARTS.index(part), index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _draw_family(self, rng: np.random.Generator, action: str, families: tuple[str, ...]) -> str:
        own = families[motion.ACTIONS.index(action)]
        if rng.uniform() < self.bias:
            return own
        return str(rng.choice([family for family in families if family != own]))


def action_of(index: int) -> str:
    """Returns the action of a clip; every 8 clips in a row hold each action once.

    The order shifts by one from 8 to 8: nothing that goes by the index, every other or every eighth, tells the action.
    """
    count = len(motion.ACTIONS)
    return motion.ACTIONS[(index + index // count) % count]


def draw_mover(mover: Mover) -> tuple[np.ndarray, np.ndarray]:
    """Returns the colours (NUM_FRAMES, SIZE, SIZE, 3) and the mask (NUM_FRAMES, SIZE, SIZE), float32 in 0..1."""
    return sprites.render(mover.sprite, mover.trajectory, SIZE)
