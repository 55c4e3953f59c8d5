"""Plans and draws long films of the generated world: events, and other actions around them.

A film shows one scene. It consists of parts, and in each part a sprite makes one motion. Every
window of 8 frames within a part looks like a clip of the quickstart, whose actions an encoder
knows. In training films the scene gives away the class of the film, in test films it does not.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from albar_jax.synthesis.composite import compose
from albar_jax.toy import backgrounds, motion, sprites
from albar_jax.toy.clips import draw_mover
from albar_jax.toy.world import Family, Mover, Split, World, draw_family

Task = Literal["anomaly", "segments"]

FRAMES_PER_SECOND = 8
NORMAL = "Normal"
# Actions that are events, and actions of the rest of a film.
EVENTS: dict[Task, tuple[str, ...]] = {
    "anomaly": ("shuttle_h", "shuttle_v"),
    "segments": ("left", "right", "up", "down"),
}
_SPLITS = ("train", "test")
_TASKS = ("anomaly", "segments")
# Lengths in frames, smallest and largest.
_FILM = (120, 240)
_REST = (12, 40)
_EVENT: dict[Task, tuple[int, int]] = {"anomaly": (24, 64), "segments": (12, 40)}
# Number of events of a film, smallest and largest.
_NUM_EVENTS: dict[Task, tuple[int, int]] = {"anomaly": (1, 2), "segments": (2, 5)}


@dataclasses.dataclass(frozen=True)
class Part:
    """A span of a film with one motion.

    Attributes:
      action: its motion, a class of the quickstart.
      start: its first frame, from 0.
      length: number of frames.
      is_event: whether it is an event of the film.
    """

    action: str
    start: int
    length: int
    is_event: bool


@dataclasses.dataclass(frozen=True)
class Film:
    """The plan of a film.

    Attributes:
      task: the data set that it belongs to.
      split: "train" or "test".
      index: number of the film in its split.
      label: class of its events; "Normal" without events.
      scene: family of its background.
      parts: its spans, without gaps.
    """

    task: Task
    split: Split
    index: int
    label: str
    scene: str
    parts: tuple[Part, ...]

    @property
    def id(self) -> str:
        """Returns its id, for example "anomaly_test_00007"."""
        return f"{self.task}_{self.split}_{self.index:05d}"

    @property
    def num_frames(self) -> int:
        """Returns its number of frames."""
        last = self.parts[-1]
        return last.start + last.length

    @property
    def events(self) -> list[Part]:
        """Returns its events, in order."""
        return [part for part in self.parts if part.is_event]


def plan(world: World, task: Task, split: Split, index: int) -> Film:
    """Returns the plan of a film.

    Films take turns: in the data set of anomalies every second film is normal, and the classes of
    the others follow one another.

    Args:
      world: the seed, and the probability that the scene of a training film is the one of its
        class.
      task: the data set.
      split: "train" or "test".
      index: number of the film in its split.
    """
    rng = generator(world, task, split, index, "plan")
    classes = EVENTS[task]
    if task == "segments":
        label = classes[index % len(classes)]
    else:
        label = NORMAL if index % 2 == 0 else classes[index // 2 % len(classes)]

    rest = [action for action in world.spec.classes if action not in classes]
    # The scene of a normal film is the one of some normal action.
    owner = str(rng.choice(rest)) if label == NORMAL else label
    scene = _draw_family(world, rng, split, owner, world.spec.backgrounds)
    parts = _draw_parts(rng, task, label, rest)
    return Film(task, split, index, label, scene.name, tuple(parts))


def draw_film(world: World, film: Film) -> UInt8[np.ndarray, "t size size 3"]:
    """Draws a film.

    Returns:
      uint8 RGB (T, size, size, 3).
    """
    rng = generator(world, film.task, film.split, film.index, "pixels")
    names = [family.name for family in world.spec.backgrounds]
    family = world.spec.backgrounds[names.index(film.scene)]
    scene = backgrounds.draw(rng, family, world.spec.size)
    return np.concatenate([_draw_part(world, rng, film, part, scene) for part in film.parts])


def generator(
    world: World, task: Task, split: Split, index: int, stream: Literal["plan", "pixels"]
) -> np.random.Generator:
    """Returns the random stream of a film; the clips of the world have other ones."""
    # The keys of clips have three numbers.
    key = (_TASKS.index(task), _SPLITS.index(split), index, int(stream == "pixels"))
    return np.random.default_rng(np.random.SeedSequence(world.seed, spawn_key=key))


def _draw_parts(
    rng: np.random.Generator, task: Task, label: str, rest: Sequence[str]
) -> list[Part]:
    """Returns the parts of a film: events of its class among other actions."""
    drawn: list[tuple[str, int, bool]] = []
    length = rng.integers(*_FILM, endpoint=True)
    while sum(part[1] for part in drawn) < length:
        drawn.append((str(rng.choice(rest)), int(rng.integers(*_REST, endpoint=True)), False))

    if label != NORMAL:
        num_events = int(rng.integers(*_NUM_EVENTS[task], endpoint=True))
        # Positions between different parts, so that no two events touch.
        positions = rng.choice(len(drawn), min(num_events, len(drawn)), replace=False)
        for position in sorted(positions, reverse=True):
            event = (label, int(rng.integers(*_EVENT[task], endpoint=True)), True)
            drawn.insert(int(position), event)

    parts = []
    start = 0
    for action, duration, is_event in drawn:
        parts.append(Part(action, start, duration, is_event))
        start += duration

    return parts


def _draw_part(
    world: World,
    rng: np.random.Generator,
    film: Film,
    part: Part,
    scene: Float[np.ndarray, "size size 3"],
) -> UInt8[np.ndarray, "t size size 3"]:
    spec = world.spec
    family = _draw_family(world, rng, film.split, part.action, spec.sprites)
    sprite = sprites.draw(rng, family)
    motions = spec.motions[spec.classes.index(part.action)]
    mover = Mover(part.action, sprite, motion.draw(rng, motions, part.length))
    colors, mask = draw_mover(mover, spec.size)
    return compose(colors, mask, scene)


def _draw_family(
    world: World,
    rng: np.random.Generator,
    split: Split,
    action: str,
    families: Sequence[Family],
) -> Family:
    """Draws a family: by the bias of the world in training, uniformly in the test."""
    if split == "test":
        return families[rng.choice(len(families))]

    number = world.spec.classes.index(action)
    return draw_family(rng, families, number, world.spec.background_bias)
