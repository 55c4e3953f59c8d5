"""Makes all published sets with one command, with published copies, names and counts.

    OUT/HMDB51_SCUBA_Places365/<video>__<k>.zip    OUT/hmdb51_scuba_places365.csv
    OUT/HMDB51_SCUFO_Places365/<video>__<k>.jpg    OUT/hmdb51_scufo_places365.csv
    OUT/HMDB51_ConflFG_Stripe/<video>__<k>.zip     OUT/hmdb51_conflfg_stripe.csv

File names are as ALBAR's program expects them, and tasks as in our suites. Copies, rules and counts
are StillMix's (its benchmark_synthesis and lists). SCUFO's stills are drawn from all frames, as
published; the summary counts stills without an actor.
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
from albar_jax.synthesis.clip_writer import Format
from albar_jax.synthesis.foregrounds import Foregrounds
from albar_jax.synthesis.runner import Production
from albar_jax.synthesis.scuba import Scuba
from albar_jax.synthesis.shares import STILL

KINDS = {"scuba": "SCUBA", "scufo": "SCUFO", "conflfg": "ConflFG"}
BACKGROUNDS = {"places365": "Places365", "vqgan": "VQGAN", STRIPE: "Stripe"}
Kind = Literal["scuba", "scufo", "conflfg"]


@dataclasses.dataclass(frozen=True)
class Preset:
    """How the sets of a data set were made.

    Attributes:
      task: how its tasks begin.
      folder: how its folders begin.
      split: of the manifest.
      copies: SCUBA clips of each video and background.
      rules: for the masks.
      published: clips and classes of each set; None where the authors do not say.
    """

    task: str
    folder: str
    split: str
    copies: int
    rules: MaskRules
    published: tuple[int, int] | None = None


PRESETS = {
    # The videos are those of JHMDB that are in test split 1 of HMDB51. 256 is inferred: of all numbers up to 300 it
    # alone gives the percentages of ALBAR's Table 7.
    "hmdb51": Preset("hmdb51", "HMDB51", "test", 10, MaskRules(), (2560, 21)),
    "ucf101-boxes": Preset("ucf101_boxes", "UCF101", "test", 5, MaskRules(), (4550, 24)),
    # ALBAR's better masks, made as the sets with boxes were, in folders of the same names. Neither they nor their
    # number are published.
    "ucf101-masks": Preset("ucf101", "UCF101", "test", 5, MaskRules()),
    "kinetics400": Preset("kinetics400", "K400", "val", 1, KINETICS400, (10190, 393)),
}


@dataclasses.dataclass(frozen=True)
class Order:
    """What a user orders of a preset; `backgrounds` maps places365 and vqgan to the folders of their pictures."""

    manifest: Path
    masks: str
    backgrounds: Mapping[str, str]
    out: Path
    videos: Path | None = None
    true_masks: str | None = None
    split: str | None = None
    seed: int = 0
    fit: Fit = "published"
    form: Format = "zip"
    min_visible: float = STILL
    jobs: int = 1
    shard: tuple[int, int] = (1, 1)


def make(preset: Preset, order: Order, say: Callable[[str], None]) -> None:
    """Makes all sets of a preset; `say` gets lines to print. Raises UserError."""
    videos, lacking = _videos(order, order.split or preset.split)
    if lacking:
        say(f"note: {lacking} videos of {order.manifest} are not under {order.videos} and left out")
    given = {name: folder for name, folder in order.backgrounds.items() if name in BACKGROUNDS} | {
        STRIPE: STRIPE
    }
    for name in BACKGROUNDS:
        if name not in given:
            say(f"note: without --backgrounds {name}=DIR its sets are left out")
    foregrounds = Foregrounds(order.masks, preset.rules, str(order.out))
    for line in foregrounds.notes():
        say(line)
    names = [name for name in BACKGROUNDS if name in given]
    scuba = []
    for name in names:
        maker = Scuba(foregrounds, open_backgrounds(given[name]), order.seed, order.fit, order.form)
        scuba.append(
            sets.scuba(videos, maker, preset.copies, _target(preset, order, "scuba", name))
        )
        _tell(scuba[-1], say)
    if any(production.unmade for production in scuba):
        say(
            "note: SCUFO and Confl-FG are made from whole sets; give this command again once all shards are done"
        )
        return
    derived = []
    for name, made in zip(names, scuba, strict=True):
        target = _target(preset, order, "scufo", name)
        # Published stills are drawn from all frames, with or without an actor.
        derived.append(sets.scufo(made.manifest, target, seed=order.seed, min_area=0.0))
        _tell(derived[-1], say)
    source, target = scuba[-1].manifest, _target(preset, order, "conflfg", STRIPE)
    options = {"seed": order.seed, "form": order.form, "min_visible": order.min_visible}
    derived.append(sets.conflfg(source, target, masks=None, **options))
    _tell(derived[-1], say)
    _compare(preset, [*scuba, *derived], say)
    for line in sets.leakage(source, masks=None, true_masks=order.true_masks, jobs=order.jobs):
        say(line)


def _target(preset: Preset, order: Order, kind: Kind, background: str) -> sets.Target:
    folder = inside(order.out, f"{preset.folder}_{KINDS[kind]}_{BACKGROUNDS[background]}")
    return sets.Target(
        folder, order.out / f"{preset.task}_{kind}_{background}.csv", order.jobs, order.shard
    )


def _tell(production: Production, say: Callable[[str], None]) -> None:
    for line in production.summary():
        say(line)


def _compare(preset: Preset, productions: Sequence[Production], say: Callable[[str], None]) -> None:
    """Says which sets have other counts than those that are published."""
    odd = [
        made.manifest.stem
        for made in productions
        if not made.unmade
        and preset.published
        not in (None, (len(made.rows), len({row["label"] for row in made.rows})))
    ]
    if odd:
        say(
            "note: the published sets have {:,} clips of {:,} classes; not so ".format(
                *preset.published
            )
            + ", ".join(odd)
        )


def _videos(order: Order, split: str) -> tuple[Manifest, int]:
    """Returns the videos, and how many of the manifest are not in the folder where they should be."""
    manifest = read_manifest(order.manifest, split=split)
    if order.videos is None:
        return manifest, 0
    check_folder("--videos", order.videos)
    folder, suffixes = Folder(order.videos), ("", *sorted(VIDEO_SUFFIXES), ARCHIVE_SUFFIX)
    found = [
        next(filter(None, (folder.find(name + suffix) for suffix in suffixes)), None)
        for name in manifest.ids
    ]
    there = [row for row, path in enumerate(found) if path is not None]
    if not there:
        raise UserError(
            f"none of the {len(manifest)} videos of {order.manifest} is under --videos {order.videos}, "
            f"{manifest.ids[0]} first"
        )
    taken = dataclasses.replace(manifest.take(there), paths=tuple(found[row] for row in there))
    return taken, len(manifest) - len(taken)
