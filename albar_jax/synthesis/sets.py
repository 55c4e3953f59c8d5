"""Makes whole sets: clips, manifest, class names and a picture to look at."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from albar_jax.class_names import read_class_list, write_class_list
from albar_jax.data.manifest import CLASSES_FILE, Manifest
from albar_jax.errors import UserError
from albar_jax.synthesis import contact_sheet, plan
from albar_jax.synthesis.clip_writer import Format
from albar_jax.synthesis.conflicting import Conflicting, check_donors
from albar_jax.synthesis.foregrounds import Foregrounds, rules_from_text
from albar_jax.synthesis.leakage import Leakage, report
from albar_jax.synthesis.plan import Unit
from albar_jax.synthesis.production import Maker, Production, produce
from albar_jax.synthesis.scuba import Scuba
from albar_jax.synthesis.scufo import SUFFIX, Scufo


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a set goes, and who makes it: `shard` (i, n) is the i-th of n parts, from 1."""

    folder: Path
    manifest: Path
    jobs: int = 1
    shard: tuple[int, int] = (1, 1)


def scuba(manifest: Manifest, maker: Scuba, copies: int, target: Target) -> Production:
    """Makes `copies` SCUBA clips of each video of a manifest; raises UserError."""
    maker.foregrounds.check()
    units = plan.of_videos(manifest, copies, f".{maker.form}")
    return _make(maker, units, manifest.classes, target)


def scufo(source: Path, target: Target, *, seed: int) -> Production:
    """Makes a still of each SCUBA clip of the manifest `source`; raises UserError."""
    made_from = plan.read_scuba(source, SUFFIX)
    return _make(Scufo(_digest(source), seed), made_from.units, made_from.classes, target)


def conflfg(source: Path, target: Target, *, masks: str | None, seed: int, form: Format) -> Production:
    """Makes a Confl-FG clip of each SCUBA clip of the manifest `source`; raises UserError.

    `masks` names those with which the SCUBA clips were made, None if they are where the manifest says.
    """
    made_from = plan.read_scuba(source, f".{form}")
    check_donors(made_from.units)
    foregrounds = _foregrounds(source, made_from, masks)
    maker = Conflicting(foregrounds, made_from.units, _digest(source), seed, form)
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
    foregrounds = Foregrounds(masks or made_from.masks, rules_from_text(made_from.rules), str(source.parent))
    foregrounds.check()
    return foregrounds


def _make(maker: Maker, units: Sequence[Unit], classes: Sequence[str], target: Target) -> Production:
    _keep_classes(target.manifest.with_name(CLASSES_FILE), classes)
    production = produce(maker, units, target.folder, target.manifest, jobs=target.jobs, shard=target.shard)
    if not production.unmade:
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
