"""Chooses the scene of an action swap: the emptied scene of a video of another class."""

import dataclasses
from typing import Literal, get_args

import numpy as np
from jaxtyping import Int

from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.synthesis.draws import generator
from albar_jax.synthesis.hat.scenes import Scenes

Choice = Literal["swap", "swap_close", "swap_far"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
# A close (far) scene is one of the nearest (farthest) tenth of the scenes of other classes.
_SHARE = 10


@dataclasses.dataclass(frozen=True)
class Pair:
    """The scene chosen for the person of a video.

    Attributes:
      number: number of the scene.
      distance: distance of this scene to the person's own, 0 to 1.
    """

    number: int
    distance: float


def choose(
    scenes: Scenes, choice: Choice, seed: int, video: str, label: str, copies: int
) -> list[Pair]:
    """Chooses the scenes for the clips of a video.

    Args:
      scenes: the emptied scenes.
      choice: "swap" draws from all scenes of other classes. "swap_close" draws from the nearest
        tenth of them, "swap_far" from the farthest tenth; at least one. Of equal distances the
        scene that comes first in the manifest is nearer.
      seed: random seed.
      video: id of the video.
      label: its class.
      copies: number of clips, at least 1. A scene is drawn again only once all were drawn.

    Raises:
      NoMask: the video has no emptied scene.
    """
    own = scenes.find(video)
    if own is None:
        raise NoMask("it has no emptied scene")

    distances = scenes.distances(own)
    others = _of_other_classes(scenes, label)
    if choice != "swap":
        nearest_first = others[np.argsort(distances[others], kind="stable")]
        count = -(-len(others) // _SHARE)
        others = nearest_first[:count] if choice == "swap_close" else nearest_first[-count:]

    order = generator(seed, choice, video).permutation(others)
    pairs = []
    for copy in range(copies):
        number = int(order[copy % len(order)])
        pairs.append(Pair(number, float(distances[number])))
    return pairs


def find_pair(scenes: Scenes, video: str, scene: str) -> Pair:
    """Returns the pair of a person and a scene that are given.

    Args:
      scenes: the emptied scenes.
      video: id of the person's video.
      scene: id of the scene's video.

    Raises:
      NoMask: one of them has no emptied scene.
    """
    own, other = scenes.find(video), scenes.find(scene)
    if own is None:
        raise NoMask("it has no emptied scene")
    if other is None:
        raise NoMask(f"the video {scene}, whose scene --pairs gives it, has no emptied scene")
    return Pair(other, float(scenes.distances(own)[other]))


def check_classes(scenes: Scenes) -> None:
    """Raises UserError if all scenes are of one class."""
    labels = {video.clips[0].label for video in scenes.videos}
    if len(labels) < 2:
        raise UserError(
            f"all videos with masks are of the class {labels.pop()!r}, but a swap needs the scene "
            "of another class; leave it out with --sets human background"
        )


def _of_other_classes(scenes: Scenes, label: str) -> Int[np.ndarray, " n"]:
    """Returns the numbers of the scenes of other classes, in the order of the manifest."""
    is_other = [video.clips[0].label != label for video in scenes.videos]
    return np.flatnonzero(is_other)
