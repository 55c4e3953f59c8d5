"""The specification of a world: its classes, motions, appearances, biases, camera and cuts."""

import dataclasses
import functools
import hashlib

import numpy as np

from albar_jax.toy import backgrounds, sprites
from albar_jax.toy.camera import Camera, Cuts
from albar_jax.toy.motions import Motion

# Version of the generator. Increase the number when the same file would give other pixels.
RECIPE = "world-1"


@dataclasses.dataclass(frozen=True)
class WorldSpec:
    """The parts of a world; `spec.read_spec` reads them from a file.

    Attributes:
      name: name of its file, without the suffix.
      num_frames: frames of a clip.
      size: side of a frame in pixels.
      num_train: number of training clips, unless a command gives another.
      num_test: number of clips in each test set, unless a command gives another.
      classes: names of the classes.
      motions: the motions of each class, which happen at once.
      backgrounds: families of backgrounds. The first one belongs to the first class, and so on.
      novel: kinds of backgrounds for SCUBA, keys of novel.NOVEL.
      sprites: families of sprites, paired with the classes like the backgrounds.
      background_bias: probability that a clip has the background family of its class. Otherwise the
        family is one of the others.
      sprite_bias: the same for the sprite family, independently.
      min_radius: smallest radius of a sprite, as a fraction of the frame. The largest one is twice
        as large.
      camera: movements of the camera.
      cuts: scene changes near the ends of clips.
    """

    name: str
    num_frames: int
    size: int
    num_train: int
    num_test: int
    classes: tuple[str, ...]
    motions: tuple[tuple[Motion, ...], ...]
    backgrounds: tuple[backgrounds.Family, ...]
    novel: tuple[str, ...]
    sprites: tuple[sprites.Family, ...]
    background_bias: float
    sprite_bias: float
    min_radius: float
    camera: Camera
    cuts: Cuts

    @functools.cached_property
    def max_tilt(self) -> float:
        """Returns the largest tilt of a sprite in radians.

        Where a class turns, any tilt, so that a single frame does not show the turn.
        """
        rng = np.random.default_rng(0)
        for motions in self.motions:
            for motion in motions:
                if isinstance(motion.offsets(rng, np.arange(2)).turns, np.ndarray):
                    return float(np.pi)
        return sprites.MAX_TILT

    @property
    def num_scenes(self) -> int:
        """Returns the number of background families, which is the number of scenes."""
        return len(self.backgrounds)

    @functools.cached_property
    def digest(self) -> str:
        """Returns 8 hexadecimal digits that identify everything that determines the clips."""
        return hashlib.sha256(repr((RECIPE, self)).encode()).hexdigest()[:8]

    def with_bias(self, background: float, sprite: float) -> "WorldSpec":
        """Returns the world with other biases.

        Args:
          background: probability that a clip has the background family of its class, 0 to 1.
          sprite: the same for the sprite family.
        """
        return dataclasses.replace(self, background_bias=background, sprite_bias=sprite)

    def without_bias(self) -> "WorldSpec":
        """Returns the world in which all families are equally likely in every class."""
        return self.with_bias(1 / len(self.backgrounds), 1 / len(self.sprites))
