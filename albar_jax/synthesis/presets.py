"""Makes all published sets with one command, with published copies, names and counts.

    OUT/HMDB51_SCUBA_Places365/<video>__<k>.zip    OUT/hmdb51_scuba_places365.csv
    OUT/HMDB51_SCUFO_Places365/<video>__<k>.jpg    OUT/hmdb51_scufo_places365.csv
    OUT/HMDB51_ConflFG_Stripe/<video>__<k>.zip     OUT/hmdb51_conflfg_stripe.csv

File names are as ALBAR's program expects them, and tasks as in our suites. Copies, rules and counts
are StillMix's (its benchmark_synthesis and lists). SCUFO's stills are drawn from all frames, as
published; the summary counts stills without an actor. With --hat, HAT's sets of the same videos and
masks are made, too: OUT/hmdb51_hat_human/<video>.zip and so on.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from albar_jax.data.manifest import Manifest, read_manifest
from albar_jax.data.prepare.base import check_folder
from albar_jax.data.prepare.disk import Folder
from albar_jax.data.suffixes import ARCHIVE_SUFFIX, VIDEO_SUFFIXES
from albar_jax.errors import UserError
from albar_jax.masks.rules import KINETICS400, MaskRules
from albar_jax.storage.inside import inside
from albar_jax.synthesis import sets
from albar_jax.synthesis.background_source import STRIPE, Fit, open_backgrounds
from albar_jax.synthesis.clip_writer import ClipFormat
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.hat import sets as hat
from albar_jax.synthesis.runner import ClipSet
from albar_jax.synthesis.scuba import Scuba
from albar_jax.synthesis.shares import STILL

Kind = Literal["scuba", "scufo", "conflfg"]

# Names of kinds and backgrounds in the names of folders.
KINDS: Mapping[Kind, str] = {"scuba": "SCUBA", "scufo": "SCUFO", "conflfg": "ConflFG"}
BACKGROUNDS = {"places365": "Places365", "vqgan": "VQGAN", STRIPE: "Stripe"}

# Prints a line for the user.
WriteLine = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Preset:
    """A recipe for the published sets of a data set.

    Attributes:
      task: beginning of the names of tasks.
      folder: beginning of the names of folders.
      split: split of the manifest.
      copies: SCUBA clips of each video and background.
      rules: rules for the masks.
      published: clips and classes of each set; None if the authors do not report them.
    """

    task: str
    folder: str
    split: str
    copies: int
    rules: MaskRules
    published: tuple[int, int] | None = None


PRESETS = {
    # The videos of JHMDB that are in test split 1 of HMDB51. Their number, 256, is inferred: of all
    # numbers up to 300 only this one gives the percentages of ALBAR's Table 7.
    "hmdb51": Preset("hmdb51", "HMDB51", "test", 10, MaskRules(), (2560, 21)),
    "ucf101-boxes": Preset("ucf101_boxes", "UCF101", "test", 5, MaskRules(), (4550, 24)),
    # ALBAR's better masks. Its sets were made like those with boxes, in folders of the same names.
    # Neither these masks nor the number of clips are published.
    "ucf101-masks": Preset("ucf101", "UCF101", "test", 5, MaskRules()),
    "kinetics400": Preset("kinetics400", "K400", "val", 1, KINETICS400, (10190, 393)),
}


@dataclasses.dataclass(frozen=True)
class PresetOptions:
    """A user's options for a preset.

    Attributes:
      manifest: manifest of the videos.
      masks: masks of the actors, as written on the command line.
      backgrounds: folders of images for "places365" and "vqgan". Sets without a folder are left
        out.
      out: folder for the sets.
      videos: folder of the videos; None uses the paths of the manifest.
      true_masks: more accurate masks to measure leakage; None only estimates it.
      split: split of the manifest; None uses the preset's.
      seed: random seed.
      fit: how backgrounds are resized; see `background_source.fit`.
      form: file format of the clips.
      min_visible: minimum visible share of still foregrounds; see `conflicting`.
      hat: whether HAT's sets are made, too; see `hat`.
      jobs: number of processes.
      shard: (i, n) for the i-th of n shards, from 1.
    """

    manifest: Path
    masks: str
    backgrounds: Mapping[str, str]
    out: Path
    videos: Path | None = None
    true_masks: str | None = None
    split: str | None = None
    seed: int = 0
    fit: Fit = "published"
    form: ClipFormat = "zip"
    min_visible: float = STILL
    hat: bool = False
    jobs: int = 1
    shard: tuple[int, int] = (1, 1)


def make(preset: Preset, options: PresetOptions, write_line: WriteLine) -> None:
    """Makes all sets of a preset.

    SCUFO and Confl-FG clips are made once the SCUBA clips of all shards exist.

    Args:
      preset: the recipe.
      options: the user's options.
      write_line: prints a line for the user.

    Raises:
      UserError: an input is missing or wrong, or no video can be used.
    """
    videos = _read_videos(options, options.split or preset.split, write_line)
    foregrounds = Foregrounds(options.masks, preset.rules, str(options.out))
    scuba_sets = _make_scuba_sets(preset, options, videos, foregrounds, write_line)
    if options.hat:
        _make_hat_sets(preset, options, videos, foregrounds, write_line)

    if any(clip_set.unmade for clip_set in scuba_sets.values()):
        write_line(
            "note: SCUFO and Confl-FG are made from whole sets; give this command again once all "
            "shards are done"
        )
        return

    derived_sets = _make_derived_sets(preset, options, scuba_sets, write_line)
    _compare_counts(preset, [*scuba_sets.values(), *derived_sets], write_line)

    for line in sets.leakage(
        scuba_sets[STRIPE].manifest, masks=None, true_masks=options.true_masks, jobs=options.jobs
    ):
        write_line(line)


def _make_scuba_sets(
    preset: Preset,
    options: PresetOptions,
    videos: Manifest,
    foregrounds: Foregrounds,
    write_line: WriteLine,
) -> dict[str, ClipSet]:
    """Makes the SCUBA set of each background. Returns the sets by background, stripes last."""
    folders = _background_folders(options, write_line)
    for line in foregrounds.notes():
        write_line(line)

    scuba_sets = {}
    for name, folder in folders.items():
        backgrounds = open_backgrounds(folder)
        maker = Scuba(foregrounds, backgrounds, options.seed, options.fit, options.form)
        target = _target(preset, options, "scuba", name)
        scuba_sets[name] = sets.scuba(videos, maker, preset.copies, target)
        _write_summary(scuba_sets[name], write_line)
    return scuba_sets


def _make_hat_sets(
    preset: Preset,
    options: PresetOptions,
    videos: Manifest,
    foregrounds: Foregrounds,
    write_line: WriteLine,
) -> None:
    """Makes HAT's sets, or with several shards at first their scenes."""
    true = None
    if options.true_masks:
        true = Foregrounds(options.true_masks, folder=str(options.out))

    order = hat.Options(
        foregrounds,
        options.out / f"{preset.task}_hat",
        seed=options.seed,
        form=options.form,
        true=true,
        jobs=options.jobs,
        shard=options.shard,
    )
    hat.make(videos, order, write_line)


def _make_derived_sets(
    preset: Preset,
    options: PresetOptions,
    scuba_sets: Mapping[str, ClipSet],
    write_line: WriteLine,
) -> list[ClipSet]:
    """Makes the SCUFO set of each SCUBA set, and the Confl-FG set of the one with stripes."""
    derived_sets = []
    for name, scuba_set in scuba_sets.items():
        target = _target(preset, options, "scufo", name)
        # Published stills are drawn from all frames, with or without an actor.
        stills = sets.scufo(scuba_set.manifest, target, seed=options.seed, min_area=0.0)
        _write_summary(stills, write_line)
        derived_sets.append(stills)

    # The published Confl-FG clips have stripes as their background.
    conflicting = sets.conflfg(
        scuba_sets[STRIPE].manifest,
        _target(preset, options, "conflfg", STRIPE),
        masks=None,
        seed=options.seed,
        form=options.form,
        min_visible=options.min_visible,
    )
    _write_summary(conflicting, write_line)
    return [*derived_sets, conflicting]


def _background_folders(options: PresetOptions, write_line: WriteLine) -> dict[str, str]:
    """Returns the backgrounds to use, in the order of BACKGROUNDS."""
    # Stripes are drawn and need no folder.
    given = {**options.backgrounds, STRIPE: STRIPE}
    folders = {}
    for name in BACKGROUNDS:
        if name in given:
            folders[name] = given[name]
        else:
            write_line(f"note: without --backgrounds {name}=DIR its sets are left out")
    return folders


def _target(preset: Preset, options: PresetOptions, kind: Kind, background: str) -> sets.Target:
    name = f"{preset.folder}_{KINDS[kind]}_{BACKGROUNDS[background]}"
    return sets.Target(
        inside(options.out, name),
        options.out / f"{preset.task}_{kind}_{background}.csv",
        options.jobs,
        options.shard,
    )


def _write_summary(clip_set: ClipSet, write_line: WriteLine) -> None:
    for line in clip_set.summary():
        write_line(line)


def _compare_counts(preset: Preset, clip_sets: Sequence[ClipSet], write_line: WriteLine) -> None:
    """Lists the complete sets whose counts differ from the published ones."""
    # Without published counts there is nothing to compare.
    if preset.published is None:
        return

    differing = []
    for clip_set in clip_sets:
        # Incomplete sets would differ in any case.
        counts = len(clip_set.rows), clip_set.num_classes
        if not clip_set.unmade and counts != preset.published:
            differing.append(clip_set.manifest.stem)

    if differing:
        clips, classes = preset.published
        write_line(
            f"note: the published sets have {clips:,} clips of {classes:,} classes; other counts "
            f"in {', '.join(differing)}"
        )


def _read_videos(options: PresetOptions, split: str, write_line: WriteLine) -> Manifest:
    """Reads the videos of a split. Those that are not under `options.videos` are left out."""
    manifest = read_manifest(options.manifest, split=split)
    if options.videos is None:
        return manifest

    check_folder("--videos", options.videos)
    folder = Folder(options.videos)
    path_of = {}
    for row, name in enumerate(manifest.ids):
        path = _find_video(folder, name)
        if path is not None:
            path_of[row] = path
    if not path_of:
        raise UserError(
            f"none of the {len(manifest)} videos of {options.manifest} is under --videos "
            f"{options.videos}, {manifest.ids[0]} first"
        )

    if lacking := len(manifest) - len(path_of):
        write_line(
            f"note: {lacking} videos of {options.manifest} are not under {options.videos} and are "
            "left out"
        )
    return dataclasses.replace(manifest.take(list(path_of)), paths=tuple(path_of.values()))


def _find_video(folder: Folder, name: str) -> str | None:
    """Finds a video by its id: a folder of frames, a file or an archive."""
    for suffix in ("", *sorted(VIDEO_SUFFIXES), ARCHIVE_SUFFIX):
        path = folder.find(name + suffix)
        if path:
            return path
    return None
