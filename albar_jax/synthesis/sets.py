"""Makes whole sets: clips, manifest, class names and a picture to look at."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from albar_jax.data.manifest import CLASSES_FILE, Manifest
from albar_jax.errors import UserError
from albar_jax.storage.class_names import read_class_list, write_class_list
from albar_jax.synthesis import contact_sheet, plan
from albar_jax.synthesis.clip_writer import Format
from albar_jax.synthesis.conflicting import Conflicting, check_donors
from albar_jax.synthesis.foregrounds import Foregrounds, rules_from_text
from albar_jax.synthesis.journal import Row
from albar_jax.synthesis.leakage import Leakage, report
from albar_jax.synthesis.plan import Unit
from albar_jax.synthesis.runner import Maker, Production, produce
from albar_jax.synthesis.scuba import Scuba
from albar_jax.synthesis.scufo import SUFFIX, Scufo
from albar_jax.synthesis.shares import ACTOR, STILL


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a set goes, and who makes it: `shard` (i, n) is the i-th of n parts, from 1."""

    folder: Path
    manifest: Path
    jobs: int = 1
    shard: tuple[int, int] = (1, 1)


class SetMaker(Maker, Protocol):
    """The interface of programs that make the clips of a set."""

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Returns lines for the summary, given the rows of the manifest (at least one)."""


def scuba(manifest: Manifest, maker: Scuba, copies: int, target: Target) -> Production:
    """Makes `copies` SCUBA clips of each video of a manifest; raises UserError."""
    maker.foregrounds.check()
    units = plan.of_videos(manifest, copies, f".{maker.form}")
    return _make(maker, units, manifest.classes, target)


def scufo(
    source: Path, target: Target, *, seed: int, masks: str | None = None, min_area: float = ACTOR
) -> Production:
    """Makes a still of each SCUBA clip of the manifest `source`; raises UserError.

    Args:
      source: manifest of the SCUBA clips.
      target: folder for the stills.
      seed: random seed.
      masks: masks of the SCUBA clips; None takes them from where the manifest says.
      min_area: minimum share of a still that shows its actor, 0 to 1. 0 draws from all frames, as
        published. Stills of released sets, whose manifests name no masks, are always drawn so.
    """
    made_from = plan.read_scuba(source, SUFFIX)
    foregrounds = _foregrounds_of_stills(source, made_from, masks, required=min_area > 0)
    maker = Scufo(_digest(source), seed, foregrounds, min_area if foregrounds else 0.0)
    return _make(maker, made_from.units, made_from.classes, target)


def conflfg(
    source: Path,
    target: Target,
    *,
    masks: str | None,
    seed: int,
    form: Format,
    min_visible: float = STILL,
) -> Production:
    """Makes a Confl-FG clip of each SCUBA clip of the manifest `source`; raises UserError.

    Args:
      source: manifest of the SCUBA clips.
      target: folder for the clips.
      masks: masks of the SCUBA clips; None takes them from where the manifest says.
      seed: random seed.
      form: file format of the clips.
      min_visible: see Conflicting.
    """
    made_from = plan.read_scuba(source, f".{form}")
    check_donors(made_from.units)
    foregrounds = _foregrounds(source, made_from, masks)
    maker = Conflicting(foregrounds, made_from.units, _digest(source), seed, form, min_visible)
    return _make(maker, made_from.units, made_from.classes, target)


def leakage(source: Path, *, masks: str | None, true_masks: str | None, jobs: int) -> list[str]:
    """Reports on the masks of the SCUBA clips of the manifest `source`, see `leakage`; raises UserError."""
    made_from = plan.read_scuba(source, "")
    true = None if true_masks is None else Foregrounds(true_masks, folder=str(source.parent))
    if true is not None:
        true.check()
    measurer = Leakage(_foregrounds(source, made_from, masks), true)
    return report(measurer, made_from.units, source.with_suffix(".leakage.csv"), jobs=jobs)


def _foregrounds(source: Path, made_from: plan.ScubaSet, masks: str | None) -> Foregrounds:
    if not (masks or made_from.masks):
        raise UserError(f"{source} has no column `masks`; name the masks of its clips with --masks")
    if len(made_from.masks) > 1:
        (one, first), (other, second), *_ = made_from.masks
        raise UserError(
            f"the clips of {source} were made with masks {one!r} ({first}) and {other!r} ({second}); "
            "give a manifest for each"
        )
    recorded, rules = made_from.masks[0] if made_from.masks else ("", "")
    foregrounds = Foregrounds(masks or recorded, rules_from_text(rules), str(source.parent))
    foregrounds.check()
    return foregrounds


def _foregrounds_of_stills(
    source: Path, made_from: plan.ScubaSet, masks: str | None, *, required: bool
) -> Foregrounds | None:
    """Returns the masks of SCUBA clips.

    Returns None if they are not required and unknown, or if the manifest names none.
    """
    named = all(unit.video for unit in made_from.units)
    if masks and not named:
        raise UserError(
            f"{source} has no column `source`, so --masks cannot say where the actors of its clips are"
        )
    if not (named and (masks or made_from.masks)):
        return None
    try:
        return _foregrounds(source, made_from, masks)
    except UserError as error:
        if masks:
            raise
        if required:
            raise UserError(
                f"{error}; give the masks of {source} with --masks, or use --as-published, which needs none"
            ) from error
        return None


def _make(
    maker: SetMaker, units: Sequence[Unit], classes: Sequence[str], target: Target
) -> Production:
    _keep_classes(target.manifest.with_name(CLASSES_FILE), classes)
    production = produce(
        maker, units, target.folder, target.manifest, jobs=target.jobs, shard=target.shard
    )
    if not production.unmade:
        production = dataclasses.replace(production, notes=maker.notes(production.rows))
        contact_sheet.write(target.manifest.with_suffix(".png"), production.rows, target.manifest)
    return production


def _keep_classes(file: Path, classes: Sequence[str]) -> None:
    """Writes the names of all classes, since the clips may be of a few only, which would be numbered otherwise."""
    if list(classes) == [str(number) for number in range(len(classes))]:
        return
    there = read_class_list(file).names
    if there and there != tuple(classes):
        raise UserError(f"{file} names other classes than those of the clips; give another --out")
    if not there:
        write_class_list(file, classes)


def _digest(manifest: Path) -> str:
    """Tells sets of SCUBA clips apart."""
    return hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]
