"""Makes a folder of clips and its manifest: in parallel, in shards, and again and again until it is whole.

FOLDER/<clip>                the clips
FOLDER.csv                   path,label,id and what is known of each clip, once all shards are made
FOLDER.failed.tsv            videos of which there are no clips, and why
"""

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from albar_jax.data.decode import DecodeError
from albar_jax.errors import UserError
from albar_jax.masks.base import NoMask
from albar_jax.storage import access, csv_files, temporary
from albar_jax.storage.inside import inside, own_folder, parts_of
from albar_jax.synthesis import workers
from albar_jax.synthesis.journal import Journal, Row
from albar_jax.synthesis.plan import Unit, relative
from albar_jax.terminal.escapes import printable

RECIPE = 2  # raise the number when the same settings would make other bytes


class Maker(Protocol):
    """What makes the clips of a video. It is sent to other processes."""

    kind: str

    def settings(self) -> Mapping[str, Any]:
        """Returns all that changes the bytes of a clip, but for its video."""

    def make(self, unit: Unit, folder: Path) -> list[Row]:
        """Writes the clips and returns what to note of each; raises DecodeError or NoMask where it cannot."""


@dataclasses.dataclass(frozen=True)
class Production:
    """The result of a production: a folder of clips.

    Attributes:
      manifest: path of its manifest, which exists if `unmade` is 0.
      rows: rows of the manifest.
      failed: videos without clips, each with the reason.
      unmade: number of videos not processed by any shard yet.
      notes: lines for the summary.
    """

    manifest: Path
    rows: Sequence[Row]
    failed: Mapping[str, str]
    unmade: int
    notes: Sequence[str] = ()

    def summary(self) -> list[str]:
        """Returns lines that say what there is."""
        if self.unmade:
            return [
                f"{self.unmade} videos are left to other shards; the last one writes {self.manifest}"
            ]
        count = len({row["label"] for row in self.rows})
        lines = [f"{self.manifest}: {len(self.rows):,} clips of {count:,} classes", *self.notes]
        if self.failed:
            name, reason = next(iter(self.failed.items()))
            lines.append(
                f"note: {len(self.failed)} videos have no clips, see {_failures(self.manifest)}; {name!r}: {reason}"
            )
        return lines


@dataclasses.dataclass(frozen=True)
class Progress:
    """What there is of the clips that are to be made.

    Attributes:
      whole: the videos all of whose clips are there, in the order of the plan.
      made: what is known of each clip, by video.
      failed: videos of which there are no clips, each with the reason.
      unmade: videos that no shard has come to yet.
    """

    whole: Sequence[Unit]
    made: Mapping[str, list[Row]]
    failed: Mapping[str, str]
    unmade: int


def produce(
    maker: Maker,
    units: Sequence[Unit],
    folder: Path,
    manifest: Path,
    *,
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
) -> Production:
    """Makes what is not there yet of one shard's videos, and the manifest if nothing is left to other shards.

    Raises:
        UserError: the folder holds something else, or no video at all could be used.
    """
    return _put_together(advance(maker, units, folder, jobs=jobs, shard=shard), folder, manifest)


def advance(
    maker: Maker,
    units: Sequence[Unit],
    folder: Path,
    *,
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
) -> Progress:
    """Makes what is not there yet of one shard's videos; raises UserError where the folder holds something else."""
    journal = Journal(folder, {"recipe": RECIPE, "kind": maker.kind, **maker.settings()})
    made, _ = journal.read()
    there = _Files(folder)
    mine = units[shard[0] - 1 :: shard[1]]
    todo = [unit for unit in mine if not _is_made(unit, made, there)]
    work = functools.partial(_make, maker, folder)
    total, left = (sum(len(unit.clips) for unit in some) for some in (mine, todo))
    with (
        journal.writing(shard) as note,
        tqdm(total=total, initial=total - left, desc=printable(folder.name), unit="clip") as bar,
    ):
        for unit, (rows, reason) in workers.run(work, todo, jobs):
            note(unit.id, rows, reason)
            bar.update(len(unit.clips))
    return _progress(units, *journal.read(), folder)


def _make(maker: Maker, folder: Path, unit: Unit) -> tuple[list[Row], str]:
    try:
        for clip in unit.clips:
            *folders, name = parts_of(clip.file)
            inside(own_folder(folder, *folders), name)
    except UserError as error:
        return [], str(error)
    try:
        return access.patiently(lambda: maker.make(unit, folder), unit.video), ""
    except (DecodeError, NoMask) as error:
        return [], str(error).removeprefix(f"{unit.video}: ") or type(error).__name__


class _Files:
    """The files under a folder: each directory is listed once, since asking for one file after the other is slow."""

    def __init__(self, root: Path):
        self._root = root
        self._names = functools.cache(
            lambda folder: set(os.listdir(folder)) if folder.is_dir() else set()
        )

    def __contains__(self, file: str) -> bool:
        path = self._root / file
        return path.name in self._names(path.parent)


def _is_made(unit: Unit, made: Mapping[str, Sequence[Row]], there: _Files) -> bool:
    ids = [row["id"] for row in made.get(unit.id, ())]
    return ids == [clip.id for clip in unit.clips] and all(
        clip.file in there for clip in unit.clips
    )


def _progress(
    units: Sequence[Unit], made: Mapping[str, list[Row]], failed: Mapping[str, str], folder: Path
) -> Progress:
    there = _Files(folder)
    whole = [unit for unit in units if _is_made(unit, made, there)]
    missed = {unit.id: failed[unit.id] for unit in units if unit.id in failed}
    return Progress(whole, made, missed, len(units) - len(whole) - len(missed))


def _put_together(progress: Progress, folder: Path, manifest: Path) -> Production:
    rows = list(_rows(progress.whole, progress.made, folder, manifest))
    production = Production(manifest, rows, progress.failed, progress.unmade)
    if production.unmade:
        return production
    if not rows:
        name, reason = next(iter(progress.failed.items()))
        raise UserError(
            f"none of the {len(progress.failed)} videos can be used, {name!r} first: {reason}"
        )
    temporary.remove_leftovers(folder)
    _write_failures(progress.failed, _failures(manifest))
    write_table(manifest, rows)
    return production


def _rows(
    units: Sequence[Unit], made: Mapping[str, list[Row]], folder: Path, manifest: Path
) -> Iterator[Row]:
    for unit in units:
        for clip, found in zip(unit.clips, made[unit.id], strict=True):
            yield {
                "path": relative(str(folder / clip.file), manifest),
                "label": clip.label,
                "id": clip.id,
                "source": relative(clip.source, manifest),
            } | {name: value for name, value in found.items() if name != "id"}


def write_table(path: Path, rows: Sequence[Row], delimiter: str = ",") -> None:
    """Writes rows that all have the same keys, all or nothing."""
    columns = list(rows[0])
    csv_files.write_table(
        path, columns, ([row[name] for name in columns] for row in rows), delimiter=delimiter
    )


def _failures(manifest: Path) -> Path:
    return manifest.with_suffix(".failed.tsv")


def _write_failures(failed: Mapping[str, str], path: Path) -> None:
    if failed:
        write_table(path, [{"id": name, "reason": reason} for name, reason in failed.items()], "\t")
    else:
        path.unlink(missing_ok=True)
