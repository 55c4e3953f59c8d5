"""Makes HAT's sets one after the other: the emptied scenes first, then the clips from them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from albar_jax.data.manifest import CLASSES_FILE, Manifest
from albar_jax.errors import UserError
from albar_jax.synthesis import clip_list, leakage
from albar_jax.synthesis.clip_list import SourceVideo
from albar_jax.synthesis.clip_writer import ClipFormat
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.hat.background import Background
from albar_jax.synthesis.hat.emptying import WIDEN
from albar_jax.synthesis.hat.human import Human
from albar_jax.synthesis.hat.pairing import CHOICES, check_classes
from albar_jax.synthesis.hat.pairs import Pairs, list_clips, read_pairs
from albar_jax.synthesis.hat.scenes import (
    SUFFIX,
    GivenScenes,
    SceneMaker,
    Scenes,
    read_scenes,
)
from albar_jax.synthesis.hat.swap import Swap
from albar_jax.synthesis.runner import make_missing_clips
from albar_jax.synthesis.sets import SetMaker, Target, make_clips, write_classes

SETS: tuple[str, ...] = ("human", "background", *CHOICES)
# The limit of `MaskRules.dilate`; more would take hours.
_WIDEST = 1000

# Prints a line for the user.
WriteLine = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Options:
    """A user's options for HAT's sets.

    Attributes:
      foregrounds: the masks of the persons.
      out: beginning of the paths of all sets.
      sets: names of the sets to make, of `SETS`.
      seed: random seed, which chooses the scenes of swaps.
      copies: swaps of each video, at least 1.
      widen: pixels by which a person is widened before it is removed, 0 to 1000.
      color: background of the human-only clips, RGB, 0 to 255; None for the mean color of the
        videos.
      form: file format of the clips.
      true: more accurate masks to measure leakage; None only estimates it.
      scenes: manifest of videos without persons, which are used instead of emptied ones. The set
        "background" is then not made.
      pairs: table of the swaps; None draws them. See `pairs.read_pairs`.
      jobs: number of processes.
      shard: (i, n) for the i-th of n shards, from 1.
    """

    foregrounds: Foregrounds
    out: Path
    sets: Sequence[str] = SETS
    seed: int = 0
    copies: int = 1
    widen: int = WIDEN
    color: tuple[int, int, int] | None = None
    form: ClipFormat = "zip"
    true: Foregrounds | None = None
    scenes: Path | None = None
    pairs: Path | None = None
    jobs: int = 1
    shard: tuple[int, int] = (1, 1)

    def __post_init__(self):
        if not 0 <= self.widen <= _WIDEST:
            raise UserError(f"--widen is {self.widen}; give 0 to {_WIDEST:,} pixels")
        if self.copies < 1:
            raise UserError(f"--copies is {self.copies}; give 1 or more")
        if self.pairs and self.copies > 1:
            raise UserError("--pairs states the copies of each video; leave out --copies")

    def beside(self, name: str) -> Path:
        """Returns the path `<out>_<name>`."""
        return self.out.with_name(f"{self.out.name}_{name}")


def make(manifest: Manifest, options: Options, write_line: WriteLine) -> None:
    """Makes HAT's sets of the videos of a manifest.

    The clips are made once the scenes of all shards exist.

    Args:
      manifest: the videos.
      options: the user's options.
      write_line: prints a line for the user.

    Raises:
      UserError: an input is missing or wrong, or no video can be used.
    """
    # Everything is checked before the first video is read.
    options.foregrounds.check()
    if options.true is not None:
        options.true.check()
    pairs = read_pairs(options.pairs) if options.pairs else {}
    clips_of = _list_clips(manifest, options, pairs)
    write_classes(options.out.with_name(CLASSES_FILE), manifest.classes)

    scenes = _make_scenes(manifest, options)
    if scenes is None:
        write_line(
            "note: the clips are made from the scenes of all videos; give this command again once "
            "all shards have made theirs"
        )
        return

    makers = _makers(scenes, options, pairs)
    unmade = 0
    for name, clips in clips_of.items():
        target = Target(
            options.beside(name), options.beside(f"{name}.csv"), options.jobs, options.shard
        )
        clip_set = make_clips(makers[name], clips, manifest.classes, target)
        unmade += clip_set.unmade
        for line in clip_set.summary():
            write_line(line)

    # The last shard measures the masks of all videos.
    if unmade:
        return
    for line in _report_leakage(scenes.videos, options):
        write_line(line)


def _list_clips(
    manifest: Manifest, options: Options, pairs: Mapping[str, Pairs]
) -> dict[str, list[SourceVideo]]:
    """Returns the clips of each set that is made, by its name. Raises UserError if none is."""
    suffix = f".{options.form}"
    clips_of = {}
    for name in SETS:
        is_swap = name in CHOICES
        # Given scenes are the background-only videos.
        is_given = name == "background" and options.scenes
        if (
            name not in options.sets
            or is_given
            or (is_swap and options.pairs and name not in pairs)
        ):
            continue
        if is_swap and name in pairs:
            clips_of[name] = list_clips(manifest, pairs[name], suffix)
        elif is_swap and options.copies > 1:
            clips_of[name] = clip_list.list_copies(manifest, options.copies, suffix)
        else:
            clips_of[name] = clip_list.list_videos(manifest, suffix)

    if not clips_of:
        raise UserError("--sets, --scenes and --pairs leave no set to make; give other --sets")
    return clips_of


def _make_scenes(manifest: Manifest, options: Options) -> Scenes | None:
    """Makes the emptied scenes of a shard. Returns all of them, or None if some are unmade."""
    given = GivenScenes.read(options.scenes) if options.scenes else None
    maker = SceneMaker(options.foregrounds, options.widen, given)
    videos = clip_list.list_videos(manifest, SUFFIX)
    folder = options.beside("scenes")
    progress = make_missing_clips(maker, videos, folder, jobs=options.jobs, shard=options.shard)
    if progress.unmade:
        return None

    scenes = read_scenes(progress, folder, maker)
    if set(options.sets) & set(CHOICES) and not options.pairs:
        check_classes(scenes)
    return scenes


def _makers(scenes: Scenes, options: Options, pairs: Mapping[str, Pairs]) -> Mapping[str, SetMaker]:
    """Returns the makers of all sets, by name."""
    color = options.color
    if color is None:
        red, green, blue = scenes.color.tolist()
        color = red, green, blue

    masks, form, widen = options.foregrounds, options.form, options.widen
    makers: dict[str, SetMaker] = {
        "human": Human(masks, color, form),
        "background": Background(masks, scenes, widen, form),
    }
    for choice in CHOICES:
        given = pairs.get(choice)
        makers[choice] = Swap(masks, scenes, choice, options.seed, widen, form, given)
    return makers


def _report_leakage(videos: Sequence[SourceVideo], options: Options) -> list[str]:
    """Measures the leakage of the masks of all videos that have scenes."""
    # The masks do not say how much of the person other programs left.
    widen = None if options.scenes else options.widen
    measurer = leakage.Leakage(options.foregrounds, options.true, widen)
    return leakage.report(measurer, videos, options.beside("leakage.csv"), jobs=options.jobs)
