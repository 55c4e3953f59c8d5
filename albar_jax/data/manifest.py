"""Reads and writes manifests: CSV files `path,label[,split,id,group]` that list videos.

Paths are relative to the manifest's own folder and name files, folders of images or records (see
`records`). A label is a class name or a number. The id names a clip across manifests: a clip and
its altered copies share it. Without the column it is the path without its suffix. Clips of one
source, such as one film, share a group and are held out for validation together.

A file classes.txt in the same folder, one name per line (see `class_names`), numbers the classes of
all manifests in that folder. It may name classes without a video. Without it, classes are numbered
alphabetically.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

from albar_jax.data import labels
from albar_jax.data.on_disk import paths_on_disk
from albar_jax.data.same_file import file_keys, find_contradiction
from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage import class_names, csv_files
from albar_jax.storage.class_list_forms import ClassList
from albar_jax.storage.class_names import read_class_list
from albar_jax.storage.csv_files import Table

COLUMNS = ("path", "label", "split", "id", "group")
CLASSES_FILE = class_names.FILE

_REQUIRED = ("path", "label")
_MADE_BY = (
    "; config.data.manifest names it; `albar prepare` prepares a data set, "
    "`albar toy quickstart --out data/quickstart` makes the quickstart"
)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The rows of a manifest: row i is the video `paths[i]` of class `classes[labels[i]]`.

    Attributes:
      paths: path of each video, as spelled on the disk.
      labels: class number of each video, int32 (n,).
      ids: id of each clip, unique in the manifest.
      classes: class names in the order of their numbers.
      groups: source of each clip, "" if unknown; empty if no row has a group.
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

        def select(column: tuple[str, ...]) -> tuple[str, ...]:
            # `groups` may be empty.
            return tuple(column[row] for row in rows) if column else ()

        return Manifest(
            paths=select(self.paths),
            labels=self.labels[rows],
            ids=select(self.ids),
            classes=self.classes,
            groups=select(self.groups),
        )

    def empty_classes(self) -> list[str]:
        """Returns the classes without a video."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return [name for name, count in zip(self.classes, counts, strict=True) if not count]


def read_manifest(
    path: str | os.PathLike[str], classes: Sequence[str] | None = None, split: str | None = None
) -> Manifest:
    """Reads a manifest, or one split of it.

    Args:
      path: the manifest.
      classes: class names in the order of their numbers, such as the classes of a trained model.
        None takes the classes from classes.txt, or else the labels of all splits.
      split: the split to read; None reads all rows.

    Raises:
      UserError: there is a mistake in the manifest, or a video is missing.
    """
    path = pathlib.Path(path)
    table = _read(path)
    own = read_class_list(path.with_name(CLASSES_FILE))
    names = _class_names(table, own) if classes is None else tuple(classes)
    if split is not None:
        table = _only_split(table, split)

    # As a string, because pathlib takes seconds for a large data set.
    folder = os.path.dirname(path)
    paths = [os.path.join(folder, name) for name in table.column("path")]
    manifest = Manifest(
        paths=_existing(paths, table.path),
        labels=_number_labels(table, names, own),
        ids=_ids(table),
        classes=names,
        groups=_groups(table),
    )
    _check(manifest, table)

    return manifest


def read_class_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Returns the classes of a manifest, without looking for its videos."""
    path = pathlib.Path(path)
    return _class_names(_read(path), read_class_list(path.with_name(CLASSES_FILE)))


def write_manifest(path: str | os.PathLike[str], rows: Iterable[dict[str, str | int]]) -> None:
    """Writes rows atomically: path and label, and split, id and group if any row has them.

    Raises:
      UserError: a field has blanks at its ends or is not UTF-8, so it would not be read back
        unchanged.
    """
    rows = list(rows)
    columns = []
    for name in COLUMNS:
        if name in _REQUIRED or any(row.get(name, "") != "" for row in rows):
            columns.append(name)

    for row in rows:
        for name in columns:
            text = str(row.get(name, ""))
            if text != text.strip():
                raise UserError(
                    f"the {name} {text!r} has blanks at its ends, which {path} would not keep; "
                    "rename it"
                )

    csv_files.write_table(path, columns, ([row.get(name, "") for name in columns] for row in rows))


def split_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Returns the number of rows of each split of a manifest, "" for rows without a split."""
    return dict(collections.Counter(_read(pathlib.Path(path)).column("split")))


def read_splits(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Returns the split of each row of a manifest, "" for rows without a split."""
    return tuple(_read(pathlib.Path(path)).column("split"))


def files_of(path: str | os.PathLike[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """Returns {file key: (path, label) as written} for each split; see `file_keys`."""
    table = _read(pathlib.Path(path))
    folder = os.path.dirname(path)
    keys = file_keys(os.path.join(folder, name) for name in table.column("path"))
    columns = [table.column(name) for name in ("split", "path", "label")]

    files: dict[str, dict[str, tuple[str, str]]] = {}
    for key, split, name, label in zip(keys, *columns, strict=True):
        files.setdefault(split, {})[key] = name, label

    return files


def _read(path: pathlib.Path) -> Table:
    """Reads the table of a manifest. Raises UserError for missing or impossible fields."""
    try:
        table = csv_files.read_table(
            path, _REQUIRED, expects="path,label[,split,id,group]", remedy=_MADE_BY
        )
    except UserError as error:
        message = str(error).replace("cannot read ", "cannot read the manifest ", 1)
        raise UserError(message) from error

    if not len(table):
        raise UserError(f"the manifest {path} lists no videos")

    for name in _REQUIRED:
        if "" in table.column(name):
            raise UserError(f"{table.where(table.column(name).index(''))} lacks a {name}")

    for row, name in enumerate(table.column("path")):
        if "\0" in name:
            raise UserError(
                f"{table.where(row)} has a null byte in its path; it may be damaged: write it again"
            )

    return table


def _only_split(table: Table, split: str) -> Table:
    splits = table.column("split")
    rows = [row for row, name in enumerate(splits) if name == split]
    if not rows:
        existing = ", ".join(sorted({*splits} - {""})) or "no split column"
        raise UserError(f"{table.path} has no split {split!r}; it has {existing}")

    return table.take(rows)


def _class_names(table: Table, own: ClassList) -> tuple[str, ...]:
    return own.names or labels.class_names(table.column("label"), table.where, table.path)


def _number_labels(table: Table, classes: tuple[str, ...], own: ClassList) -> Int[np.ndarray, " n"]:
    numbers, unknown = labels.number_labels(table.column("label"), classes, own)

    if unknown:
        origin = ""
        if own.names == classes:
            origin = f" ({pathlib.Path(table.path).with_name(CLASSES_FILE)})"
        raise UserError(
            f"{table.path} has {len(unknown)} unknown class(es), {unknown[0]!r} first; the "
            f"{len(classes)} known ones are {labels.some(classes)}{origin}"
        )

    return numbers


def _ids(table: Table) -> tuple[str, ...]:
    """Returns the id of each row: the given one, or the path without its suffix."""
    ids = []
    for given, name in zip(table.column("id"), table.column("path"), strict=True):
        ids.append(composed(given or os.path.splitext(name)[0]))
    return tuple(ids)


def _groups(table: Table) -> tuple[str, ...]:
    """Returns the group of each row, "" if unknown; nothing if no row has a group."""
    groups = tuple("" if csv_files.is_missing(group) else group for group in table.column("group"))
    return groups if any(groups) else ()


def _check(manifest: Manifest, table: Table) -> None:
    """Raises UserError if an id occurs twice, or if a file has two labels in one split."""
    seen: set[str] = set()
    for name in manifest.ids:
        if name in seen:
            raise UserError(f"{table.path} lists the id {name!r} twice; give every row its own id")
        seen.add(name)

    rows = find_contradiction(manifest.paths, manifest.labels.tolist(), table.column("split"))
    if rows:
        first, second = rows
        label = table.column("label")
        raise UserError(
            f"{table.where(second)} gives {table.column('path')[second]} the label "
            f"{label[second]!r}, and line {table.lines[first]} gives the same file "
            f"{label[first]!r}; keep one of them"
        )


def _existing(paths: Sequence[str], manifest: str) -> tuple[str, ...]:
    """Returns the paths as spelled on the disk. Raises UserError if one is missing."""
    spelled = paths_on_disk(paths)
    missing = [path for path, on_disk in zip(paths, spelled, strict=True) if on_disk is None]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(paths)} videos of {manifest} do not exist, {missing[0]} "
            "first; paths are relative to the manifest's folder"
        )

    return tuple(path for path in spelled if path is not None)
