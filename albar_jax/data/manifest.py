"""A manifest: a CSV file `path,label[,split,id]` that describes any folder of videos.

Paths are relative to the manifest's own folder and name files, folders of images or records (see `records`). A label is
a class name or a number. The id names a clip across manifests (a clip and its altered copies share it); it is the path
without its suffix where the column is missing.

A file classes.txt in the same folder, one name a line, numbers the classes of all manifests there in its own order, and
may name some that have no video. Without it they are numbered in the order of the alphabet.
"""

import collections
import csv
import dataclasses
import functools
import io
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

from albar_jax.data import records, storage
from albar_jax.errors import UserError
from albar_jax.files import write_text

COLUMNS = ("path", "label", "split", "id")
CLASSES_FILE = "classes.txt"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Row i is the video `paths[i]` of class `classes[labels[i]]`."""

    paths: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    ids: tuple[str, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Iterable[int]) -> "Manifest":
        """Returns the manifest of these rows, in this order."""
        rows = [int(row) for row in rows]
        paths, ids = ([column[row] for row in rows] for column in (self.paths, self.ids))
        return Manifest(tuple(paths), self.labels[rows], tuple(ids), self.classes)

    def empty_classes(self) -> list[str]:
        """Returns the classes that have no video."""
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
    rows = _read_rows(path)
    names = _names(rows, path) if classes is None else tuple(classes)
    if split is not None:
        rows = _only_split(rows, split, path)
    folder = os.path.dirname(path)  # as a string: pathlib takes seconds for a large data set
    manifest = Manifest(
        paths=tuple(os.path.join(folder, row["path"]) for row in rows),
        labels=_labels([row["label"] for row in rows], names, path),
        ids=tuple(row["id"] or os.path.splitext(row["path"])[0] for row in rows),
        classes=names,
    )
    _check(manifest, path)
    return manifest


def read_class_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Returns the classes of a manifest, without looking for its videos."""
    path = pathlib.Path(path)
    return _names(_read_rows(path), path)


def read_classes_file(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Returns the class names in a classes.txt, none if there is no such file; raises UserError for a mistake in it."""
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the class names in {path}: {error}") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if len(set(names)) < len(names):
        raise UserError(f"{path} names the class {max(names, key=names.count)!r} twice")
    return names


def write_manifest(path: str | os.PathLike[str], rows: Iterable[dict[str, str | int]]) -> None:
    """Writes rows with the keys path and label, and split and id where there are any; all or nothing."""
    rows = list(rows)
    columns = [name for name in COLUMNS if any(name in row for row in rows) or name in ("path", "label")]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def split_sizes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Returns how many rows of a manifest each split has, "" for rows without one."""
    return dict(collections.Counter(row["split"] for row in _read_rows(pathlib.Path(path))))


def hold_out(manifest: Manifest, fraction: float = 0.2, *, seed: int) -> tuple[Manifest, Manifest]:
    """Splits off a random share for validation: (train, validation), each in the order of the manifest."""
    count = round(fraction * len(manifest))
    if not 0 < count < len(manifest):
        raise UserError(
            f"a validation share of {fraction} of {len(manifest)} videos leaves {len(manifest) - count} to train on "
            f"and {count} to validate on; both need at least one"
        )
    order = np.random.default_rng(seed).permutation(len(manifest))
    return manifest.take(np.sort(order[count:])), manifest.take(np.sort(order[:count]))


def _read_rows(path: pathlib.Path) -> list[dict[str, str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            _check_header(header, path)
            rows = [{name: (row.get(name) or "").strip() for name in COLUMNS} for row in reader]
    except OSError as error:
        raise UserError(
            f"cannot read the manifest {path}: {error.strerror}; config.data.manifest names it; "
            "`python -m albar_jax.data.prepare` makes that of a data set, `python -m albar_jax.synthesis.quickstart "
            "--out data/quickstart` that of the quickstart"
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a CSV text file in UTF-8: {error}") from error
    if not rows:
        raise UserError(f"the manifest {path} lists no videos")
    for number, row in enumerate(rows, start=2):
        if not row["path"] or not row["label"]:
            raise UserError(f"line {number} of {path} lacks a {'label' if row['path'] else 'path'}")
    return rows


def _check_header(header: list[str], path: pathlib.Path) -> None:
    missing = [name for name in ("path", "label") if name not in header]
    if missing:
        raise UserError(
            f"the first line of {path} must name the columns path,label[,split,id]; it lacks {' and '.join(missing)}"
        )


def _only_split(rows: list[dict[str, str]], split: str, path: pathlib.Path) -> list[dict[str, str]]:
    chosen = [row for row in rows if row["split"] == split]
    if not chosen:
        there = sorted({row["split"] for row in rows} - {""})
        raise UserError(f"{path} has no split {split!r}; it has {', '.join(there) or 'no split column'}")
    return chosen


def _names(rows: list[dict[str, str]], path: pathlib.Path) -> tuple[str, ...]:
    return read_classes_file(path.with_name(CLASSES_FILE)) or _classes([row["label"] for row in rows], path)


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdecimal()


def _classes(labels: list[str], path: pathlib.Path) -> tuple[str, ...]:
    numbers = {label for label in labels if _is_number(label)}
    names = set(labels) - numbers
    if numbers and names:
        raise UserError(
            f"{path} mixes class numbers ({min(numbers)!r}) and class names ({min(names)!r}); use one of the two"
        )
    if numbers:
        return tuple(str(number) for number in range(max(map(int, numbers)) + 1))
    return tuple(sorted(names))


def _labels(labels: list[str], classes: tuple[str, ...], path: pathlib.Path) -> Int[np.ndarray, " n"]:
    number_of = {name: number for number, name in enumerate(classes)}
    # A number is a position in the list of classes, unless a class has that number for a name.
    number_of |= {str(number): number for number in range(len(classes)) if str(number) not in number_of}
    keys = [str(int(label)) if _is_number(label) and label not in number_of else label for label in labels]
    unknown = sorted(set(keys) - set(number_of))
    if unknown:
        raise UserError(
            f"{path} has {len(unknown)} unknown class(es), {unknown[0]!r} first; "
            f"the {len(classes)} known ones are {_some(classes)}{_origin(path, classes)}"
        )
    return np.array([number_of[key] for key in keys], np.int32)


def _origin(path: pathlib.Path, classes: tuple[str, ...]) -> str:
    file = path.with_name(CLASSES_FILE)
    return f" ({file})" if read_classes_file(file) == classes else ""


def _check(manifest: Manifest, path: pathlib.Path) -> None:
    seen: set[str] = set()
    for name in manifest.ids:
        if name in seen:
            raise UserError(f"{path} lists the id {name!r} twice; give every row an id of its own")
        seen.add(name)
    missing = missing_paths(manifest.paths)
    if missing:
        raise UserError(
            f"{len(missing)} of {len(manifest)} videos of {path} do not exist, {missing[0]} first; "
            f"paths are relative to the manifest's folder"
        )


def missing_paths(paths: Iterable[str]) -> list[str]:
    """The paths of videos, pictures and records that are not there.

    Lists each folder once: on a mounted bucket, asking for one file after the other takes minutes.
    """
    names_in = functools.cache(lambda folder: storage.patiently(lambda: _names_in(folder or "."), folder or "."))

    def exists(video: str) -> bool:
        if records.is_record(video):
            return records.exists(video)
        folder, name = os.path.split(video.rstrip(os.sep))
        return name in names_in(folder)

    return [video for video in paths if not exists(video)]


def _names_in(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _some(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
