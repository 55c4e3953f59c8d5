"""Defines the clips of a generated world with a known bias.

In the clips of both splits, scenery and appearance mostly give away the class. In the SCUBA clips
the scenery does not. A clip is a function of (seed, split, index) and does not depend on other
clips, so any clip can be made again alone.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float

from albar_jax.errors import UserError
from albar_jax.toy import backgrounds, camera, motion, sprites
from albar_jax.toy.novel import NOVEL
from albar_jax.toy.spec import read_spec
from albar_jax.toy.world_spec import WorldSpec

Split = Literal["train", "test"]
Family = TypeVar("Family", backgrounds.Family, sprites.Family)

_SPLITS = ("train", "test")
# Each part of a clip has its own random stream.
_PARTS = ("mover", "background", "novel_background", "camera", "cuts")
# Clips of other scenes are drawn from so many.
_FOREIGN = 10**6


@dataclasses.dataclass(frozen=True)
class Mover:
    """A moving sprite.

    Attributes:
      action: the label, one of the world's classes.
      sprite: its appearance.
      trajectory: its motion.
    """

    action: str
    sprite: sprites.Sprite
    trajectory: motion.Trajectory


@dataclasses.dataclass(frozen=True)
class Cut:
    """A scene change: frames that show another clip.

    Attributes:
      clip: index of the other clip, whose frames have the same numbers.
      frames: the frames.
    """

    clip: int
    frames: slice


@dataclasses.dataclass(frozen=True)
class World:
    """All clips of one seed.

    Attributes:
      seed: random seed.
      spec: the parts of the world; by default the quickstart's.

    Raises:
      UserError: the seed is negative.
    """

    seed: int = 0
    spec: WorldSpec = dataclasses.field(default_factory=lambda: read_spec("quickstart"))

    def __post_init__(self):
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}; give 0 or more")

    def action(self, index: int) -> str:
        """Returns the class of a clip.

        With K classes, each group of K consecutive clips contains every class once. The order
        shifts by one from group to group. So the index modulo two or K does not give away the
        class.

        Args:
          index: number of the clip in its split.
        """
        return self.spec.classes[self._class_of(index)]

    def mover(self, split: Split, index: int) -> Mover:
        """Returns the mover of a clip."""
        rng = self._generator(split, "mover", index)
        number = self._class_of(index)
        # Appearance is biased like the scenery, but drawn independently.
        family = draw_family(rng, self.spec.sprites, number, self.spec.sprite_bias)
        sprite = sprites.draw(rng, family, self.spec.max_tilt)
        trajectory = motion.draw(
            rng, self.spec.motions[number], self.spec.num_frames, self.spec.min_radius
        )
        return Mover(self.spec.classes[number], sprite, trajectory)

    def background(self, split: Split, index: int) -> tuple[str, Float[np.ndarray, "size size 3"]]:
        """Returns the background of a clip: its family and its image, float32 (size, size, 3)."""
        rng = self._generator(split, "background", index)
        families = self.spec.backgrounds
        family = draw_family(rng, families, self._class_of(index), self.spec.background_bias)
        return family.name, backgrounds.draw(rng, family, self.spec.size)

    def novel_background(self, index: int) -> tuple[str, Float[np.ndarray, "size size 3"]]:
        """Returns a background for SCUBA, of a kind that no training clip has.

        Args:
          index: number of the background.

        Returns:
          kind: a kind of the world's specification; the kinds follow one another.
          picture: float32 (size, size, 3).
        """
        rng = self._generator("test", "novel_background", index)
        kind = self.spec.novel[index % len(self.spec.novel)]
        return kind, NOVEL[kind](rng, self.spec.size)

    def camera_path(self, split: Split, index: int) -> camera.Path | None:
        """Returns the path of a clip's camera; None if it stands still."""
        rng = self._generator(split, "camera", index)
        return self.spec.camera.draw(rng, self.spec.num_frames)

    def cuts(self, split: Split, index: int) -> list[Cut]:
        """Returns the scene changes of a clip, at its start and at its end.

        The frames before or after a scene change show another clip of the world, of any class.
        """
        rng = self._generator(split, "cuts", index)
        total = self.spec.num_frames
        cuts = []
        for is_end in (False, True):
            count = self.spec.cuts.draw(rng)
            clip = int(rng.integers(_FOREIGN))
            if count:
                frames = slice(total - count, total) if is_end else slice(0, count)
                cuts.append(Cut(clip, frames))
        return cuts

    def _class_of(self, index: int) -> int:
        count = len(self.spec.classes)
        return (index + index // count) % count

    def _generator(self, split: Split, part: str, index: int) -> np.random.Generator:
        key = (_SPLITS.index(split), _PARTS.index(part), index)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def draw_family(
    rng: np.random.Generator, families: Sequence[Family], number: int, bias: float
) -> Family:
    """Draws a family: the one of the class with a probability, otherwise one of the others.

    Args:
      rng: random generator.
      families: the families; families and classes are paired by their order.
      number: number of the class.
      bias: probability of the family of the class.
    """
    # Without a bias there may be fewer families than classes.
    own = number % len(families)
    if rng.uniform() < bias:
        return families[own]
    others = [other for other in range(len(families)) if other != own]
    return families[rng.choice(others)]
