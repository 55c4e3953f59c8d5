"""Makes complete sets: clips, manifest, class names and a contact sheet."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from albar_jax.data.manifest import CLASSES_FILE, Manifest
from albar_jax.errors import UserError
from albar_jax.storage.class_names import are_numbers, read_class_list, write_class_list
from albar_jax.storage.journal import Row
from albar_jax.synthesis import clip_list, contact_sheet
from albar_jax.synthesis.clip_list import ScubaSet, SourceVideo
from albar_jax.synthesis.clip_writer import ClipFormat
from albar_jax.synthesis.conflicting import Conflicting, check_donors
from albar_jax.synthesis.foregrounds import Foregrounds, rules_from_text
from albar_jax.synthesis.leakage import Leakage, report
from albar_jax.synthesis.runner import ClipSet, Maker, make_set
from albar_jax.synthesis.scuba import Scuba
from albar_jax.synthesis.scufo import SUFFIX, Scufo
from albar_jax.synthesis.shares import ACTOR, STILL


@dataclasses.dataclass(frozen=True)
class Target:
    """The destination of a set, and the part of it to make.

    Attributes:
      folder: folder for the clips.
      manifest: path of the manifest.
      jobs: number of processes.
      shard: (i, n) for the i-th of n shards, from 1.
    """

    folder: Path
    manifest: Path
    jobs: int = 1
    shard: tuple[int, int] = (1, 1)


class SetMaker(Maker, Protocol):
    """The interface of objects that make the clips of a set."""

    def notes(self, rows: Sequence[Row]) -> list[str]:
        """Returns lines for the summary, given the rows of the manifest (at least one)."""
        ...


def scuba(manifest: Manifest, maker: Scuba, copies: int, target: Target) -> ClipSet:
    """Makes SCUBA clips of the videos of a manifest.

    Args:
      manifest: the videos.
      maker: makes the clips of a video.
      copies: clips of each video, at least 1.
      target: destination of the set.

    Raises:
      UserError: the masks cannot be opened, the folder holds other files, or no video can be used.
    """
    # A wrong --masks is reported now, not once for each video.
    maker.foregrounds.check()
    videos = clip_list.list_copies(manifest, copies, f".{maker.form}")
    return make_clips(maker, videos, manifest.classes, target)


def scufo(
    source: Path, target: Target, *, seed: int, masks: str | None = None, min_area: float = ACTOR
) -> ClipSet:
    """Makes a still of each SCUBA clip.

    Args:
      source: manifest of the SCUBA clips.
      target: destination of the stills.
      seed: random seed.
      masks: masks of the SCUBA clips; None uses those that the manifest names.
      min_area: minimum share of a still that shows its actor, 0 to 1. 0 draws from all frames, as
        published. It is 0 for released sets, because their manifests name no masks.

    Raises:
      UserError: the masks are needed and cannot be opened, the folder holds other files, or no clip
        can be used.
    """
    scuba_set = clip_list.read_scuba(source, SUFFIX)
    foregrounds = _foregrounds_of_stills(source, scuba_set, masks, required=min_area > 0)
    # Without masks the actors are unknown, so stills are drawn from all frames.
    if foregrounds is None:
        min_area = 0.0

    maker = Scufo(_digest(source), seed, foregrounds, min_area)
    return make_clips(maker, scuba_set.videos, scuba_set.classes, target)


def conflfg(
    source: Path,
    target: Target,
    *,
    masks: str | None,
    seed: int,
    form: ClipFormat,
    min_visible: float = STILL,
) -> ClipSet:
    """Makes a Confl-FG clip of each SCUBA clip.

    Args:
      source: manifest of the SCUBA clips.
      target: destination of the clips.
      masks: masks of the SCUBA clips; None uses those that the manifest names.
      seed: random seed.
      form: file format of the clips.
      min_visible: minimum visible share of the still foreground; see `Conflicting`.

    Raises:
      UserError: the masks cannot be opened, all clips are of one class, the folder holds other
        files, or no clip can be used.
    """
    scuba_set = clip_list.read_scuba(source, f".{form}")
    check_donors(scuba_set.videos)
    foregrounds = _foregrounds(source, scuba_set, masks)

    maker = Conflicting(foregrounds, scuba_set.videos, _digest(source), seed, form, min_visible)
    return make_clips(maker, scuba_set.videos, scuba_set.classes, target)


def leakage(source: Path, *, masks: str | None, true_masks: str | None, jobs: int) -> list[str]:
    """Measures how much true background survives in SCUBA clips; see the module `leakage`.

    Args:
      source: manifest of the SCUBA clips. The table is written next to it, as <name>.leakage.csv.
      masks: masks of the SCUBA clips; None uses those that the manifest names.
      true_masks: more accurate masks to compare with; None only estimates.
      jobs: number of processes.

    Returns:
      Lines for the user.

    Raises:
      UserError: masks cannot be opened, or no video can be measured.
    """
    scuba_set = clip_list.read_scuba(source, "")
    true_foregrounds = None
    if true_masks is not None:
        true_foregrounds = Foregrounds(true_masks, folder=str(source.parent))
        true_foregrounds.check()

    measurer = Leakage(_foregrounds(source, scuba_set, masks), true_foregrounds)
    return report(measurer, scuba_set.videos, source.with_suffix(".leakage.csv"), jobs=jobs)


def _foregrounds(source: Path, scuba_set: ScubaSet, masks: str | None) -> Foregrounds:
    """Opens the masks of SCUBA clips: `masks`, or if None those that the manifest names."""
    if not (masks or scuba_set.masks):
        raise UserError(f"{source} has no column `masks`; name the masks of its clips with --masks")
    # One set of masks and rules must fit all clips.
    if len(scuba_set.masks) > 1:
        (one, first), (other, second), *_ = scuba_set.masks
        raise UserError(
            f"the clips of {source} were made with masks {one!r} ({first}) and {other!r} "
            f"({second}); give a manifest for each"
        )

    recorded, rules = scuba_set.masks[0] if scuba_set.masks else ("", "")
    foregrounds = Foregrounds(masks or recorded, rules_from_text(rules), str(source.parent))
    foregrounds.check()
    return foregrounds


def _foregrounds_of_stills(
    source: Path, scuba_set: ScubaSet, masks: str | None, *, required: bool
) -> Foregrounds | None:
    """Opens the masks of SCUBA clips for their stills.

    Returns:
      The masks. None if the manifest names neither masks nor videos, or if the masks are not
      required and cannot be opened.
    """
    has_videos = all(video.path for video in scuba_set.videos)
    if masks and not has_videos:
        raise UserError(
            f"{source} has no column `source`, so --masks cannot say where the actors of its clips "
            "are"
        )
    # Manifests of released sets name neither videos nor masks.
    if not has_videos or not (masks or scuba_set.masks):
        return None

    try:
        return _foregrounds(source, scuba_set, masks)
    except UserError as error:
        if masks:
            raise
        if required:
            raise UserError(
                f"{error}; give the masks of {source} with --masks, or use --as-published, which "
                "needs none"
            ) from error
        return None


def make_clips(
    maker: SetMaker, videos: Sequence[SourceVideo], classes: Sequence[str], target: Target
) -> ClipSet:
    """Makes the clips of a set, its class names and, once all shards are done, its contact sheet.

    Args:
      maker: makes the clips of a video.
      videos: the videos of all shards, with their clips.
      classes: class names in the order of their numbers.
      target: destination of the set.

    Raises:
      UserError: the folder holds other files, or no video can be used.
    """
    write_classes(target.manifest.with_name(CLASSES_FILE), classes)

    clip_set = make_set(
        maker, videos, target.folder, target.manifest, jobs=target.jobs, shard=target.shard
    )
    if clip_set.unmade:
        return clip_set

    # The sheet shows whether masks and backgrounds fit.
    contact_sheet.write(target.manifest.with_suffix(".png"), clip_set.rows, target.manifest)
    return dataclasses.replace(clip_set, notes=maker.notes(clip_set.rows))


def write_classes(file: Path, classes: Sequence[str]) -> None:
    """Writes the names of all classes.

    Clips may exist for a few classes only. Without the file these would be renumbered.

    Args:
      file: path of the file.
      classes: class names in the order of their numbers.

    Raises:
      UserError: the file exists with other names.
    """
    if are_numbers(classes):
        return

    existing = read_class_list(file).names
    if existing and existing != tuple(classes):
        raise UserError(f"{file} names other classes than the clips have; give another --out")
    if not existing:
        write_class_list(file, classes)


def _digest(manifest: Path) -> str:
    """Returns a digest that identifies a set of SCUBA clips."""
    return hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]
