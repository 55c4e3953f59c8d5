"""Reads and writes manifests: CSV files `path,label[,split,id,group]` that list videos.

Paths are relative to the manifest's own folder and name files, folders of images or records (see
`records`). A label is a class name or a number. The id names a clip across manifests: a clip and
its altered copies share it. Without the column it is the path without its suffix. Clips of one
source, such as one film, share a group and are held out for validation together.

A file classes.txt in the same folder, one name a line (see `class_names`), numbers the classes of
all manifests in that folder. It may name classes without a video. Without it, classes are numbered
alphabetically.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int

from albar_jax.data import labels
from albar_jax.data.hold_out import draw_groups, join
from albar_jax.data.on_disk import spelled
from albar_jax.data.same_file import contradiction, file_keys
from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage import class_names, csv_files
from albar_jax.storage.class_list_forms import ClassList
from albar_jax.storage.class_names import read_class_list
from albar_jax.storage.csv_files import Table

COLUMNS = ("path", "label", "split", "id", "group")
CLASSES_FILE = class_names.FILE
HoldOut = Literal["group", "video"]

_MADE_BY = (
    "; config.data.manifest names it; `albar prepare` prepares a data set, "
    "`albar toy quickstart --out data/quickstart` makes the quickstart"
)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The rows of a manifest: row i is the video `paths[i]` of class `classes[labels[i]]`.

    `groups[i]` names the source of clip i, "" if unknown. `groups` is empty if no row has a group.
    """

    paths: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Iterable[int]) -> "Manifest":
        """Returns the manifest of these rows, in this order."""
        rows = [int(row) for row in rows]
        all_columns = (self.paths, self.ids, self.groups)
        columns = [tuple(column[row] for row in rows) if column else () for column in all_columns]
        return Manifest(columns[0], self.labels[rows], columns[1], self.classes, columns[2])

    def empty_classes(self) -> list[str]:
        """Returns the classes without a video."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return [name for name, count in zip(self.classes, counts, strict=True) if not count]


def read_manifest(
    path: str | os.PathLike[str], classes: Sequence[str] | None = None, split: str | None = None
) -> Manifest:
    """Reads a manifest, or one split of it; raises UserError for a mistake in it.

    Classes are those of classes.txt beside it or else the sorted names of the whole file, whatever the split; numbers
    name the classes "0" to the largest. `classes` says which class has which number instead, as a model that was
    trained on them needs.
    """
    path = pathlib.Path(path)
    table = _read(path)
    own = read_class_list(path.with_name(CLASSES_FILE))
    names = _names(table, own) if classes is None else tuple(classes)
    if split is not None:
        table = _only_split(table, split)

    folder = os.path.dirname(path)  # as a string: pathlib takes seconds for a large data set
    paths = table.column("path")
    groups = tuple("" if csv_files.is_missing(group) else group for group in table.column("group"))
    manifest = Manifest(
        paths=_on_disk([os.path.join(folder, name) for name in paths], table.path),
        labels=_number_labels(table, names, own),
        ids=tuple(
            composed(given or os.path.splitext(name)[0])
            for given, name in zip(table.column("id"), paths, strict=True)
        ),
        classes=names,
        groups=groups if any(groups) else (),
    )
    _check(manifest, table)
    return manifest


def read_class_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Returns the classes of a manifest, without looking for its videos."""
    path = pathlib.Path(path)
    return _names(_read(path), read_class_list(path.with_name(CLASSES_FILE)))


def write_manifest(path: str | os.PathLike[str], rows: Iterable[dict[str, str | int]]) -> None:
    """Writes rows atomically: path and label, and split, id and group if any row has them.

    Raises:
      UserError: a field has blanks at its ends or is not UTF-8, so it would not be read back
        unchanged.
    """
    rows = list(rows)
    columns = [
        name
        for name in COLUMNS
        if any(row.get(name, "") != "" for row in rows) or name in ("path", "label")
    ]
    for row in rows:
        for name in columns:
            text = str(row.get(name, ""))
            if text != text.strip():
                raise UserError(
                    f"the {name} {text!r} has blanks at its ends, which {path} would not keep; rename it"
                )
    csv_files.write_table(path, columns, ([row.get(name, "") for name in columns] for row in rows))


def split_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Returns how many rows of a manifest each split has, "" for rows without one."""
    return dict(collections.Counter(_read(pathlib.Path(path)).column("split")))


def files_of(path: str | os.PathLike[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """Returns {file key: (path, label) as written} for each split; see `file_keys`."""
    table = _read(pathlib.Path(path))
    keys = file_keys(os.path.join(os.path.dirname(path), name) for name in table.column("path"))
    files: dict[str, dict[str, tuple[str, str]]] = {}
    columns = (table.column(name) for name in ("split", "path", "label"))
    for key, split, name, label in zip(keys, *columns, strict=True):
        files.setdefault(split, {})[key] = name, label
    return files


def hold_out(
    manifest: Manifest, fraction: float = 0.2, *, seed: int, by: HoldOut = "group"
) -> tuple[Manifest, Manifest]:
    """Splits off a random validation share: (train, validation), each in manifest order.

    Rows of one group, and rows of one file, stay on one side; see `draw_groups`. If every row has
    its own group, the share is drawn from all rows regardless of class.

    Args:
      manifest: the training split.
      fraction: share of its rows, between 0 and 1.
      seed: random seed of the draw.
      by: "group" or "video", which ignores groups.
    """
    groups = units(manifest, by)
    if groups.max(initial=-1) + 1 < len(manifest):
        held = draw_groups(manifest.labels, groups, fraction, seed)
        count = int(held.sum())
    else:
        count = round(fraction * len(manifest))
        held = np.isin(
            np.arange(len(manifest)), np.random.default_rng(seed).permutation(len(manifest))[:count]
        )
    if not 0 < count < len(manifest):
        raise UserError(
            f"a validation share of {fraction} of {len(manifest)} videos leaves {len(manifest) - count} to train on "
            f"and {count} to validate on; both need at least one"
            + (
                ""
                if count
                else "; every class has videos of one group only, so name config.data.validation_split instead"
            )
        )
    return manifest.take(np.flatnonzero(~held)), manifest.take(np.flatnonzero(held))


def units(manifest: Manifest, by: HoldOut) -> Int[np.ndarray, " n"]:
    """Returns the group number of each row, from 0; rows of one group are held out together."""
    files = file_keys(manifest.paths)
    return (
        join(files, [group or None for group in manifest.groups])
        if by == "group" and manifest.groups
        else join(files)
    )


def _read(path: pathlib.Path) -> Table:
    try:
        table = csv_files.read_table(
            path, ("path", "label"), expects="path,label[,split,id,group]", remedy=_MADE_BY
        )
    except UserError as error:
        raise UserError(
            str(error).replace("cannot read ", "cannot read the manifest ", 1)
        ) from error

    if not len(table):
        raise UserError(f"the manifest {path} lists no videos")
    for name in ("path", "label"):
        if "" in table.column(name):
            raise UserError(f"{table.where(table.column(name).index(''))} lacks a {name}")
    if damaged := [row for row, name in enumerate(table.column("path")) if "\0" in name]:
        raise UserError(
            f"{table.where(damaged[0])} has a null byte in its path; it may be damaged: write it again"
        )

    return table


def _only_split(table: Table, split: str) -> Table:
    splits = table.column("split")
    chosen = [row for row, name in enumerate(splits) if name == split]
    if not chosen:
        there = sorted({*splits} - {""})
        raise UserError(
            f"{table.path} has no split {split!r}; it has {', '.join(there) or 'no split column'}"
        )
    return table.take(chosen)


def _names(table: Table, own: ClassList) -> tuple[str, ...]:
    return own.names or labels.class_names(table.column("label"), table.where, table.path)


def _number_labels(table: Table, classes: tuple[str, ...], own: ClassList) -> Int[np.ndarray, " n"]:
    numbers, unknown = labels.number_labels(table.column("label"), classes, own)
    if unknown:
        origin = (
            f" ({pathlib.Path(table.path).with_name(CLASSES_FILE)})" if own.names == classes else ""
        )
        raise UserError(
            f"{table.path} has {len(unknown)} unknown class(es), {unknown[0]!r} first; "
            f"the {len(classes)} known ones are {labels.some(classes)}{origin}"
        )
    return numbers


def _check(manifest: Manifest, table: Table) -> None:
    seen: set[str] = set()
    for name in manifest.ids:
        if name in seen:
            raise UserError(
                f"{table.path} lists the id {name!r} twice; give every row an id of its own"
            )
        seen.add(name)
    if rows := contradiction(manifest.paths, manifest.labels.tolist(), table.column("split")):
        one, two = (table.column("label")[row] for row in rows)
        raise UserError(
            f"{table.where(rows[1])} gives {table.column('path')[rows[1]]} the label {two!r}, and line "
            f"{table.lines[rows[0]]} gives the same file {one!r}; keep one of them"
        )


def _on_disk(paths: Sequence[str], path: str) -> tuple[str, ...]:
    """Returns the paths as spelled on the disk. Raises UserError if one is missing."""
    found = spelled(paths)
    missing = [wanted for wanted, there in zip(paths, found, strict=True) if there is None]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(paths)} videos of {path} do not exist, {missing[0]} first; "
            f"paths are relative to the manifest's folder"
        )
    return tuple(found)
