"""Writes the files of a prepared data set."""

import dataclasses
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from albar_jax.data import checksums, records
from albar_jax.data.check import Verdict
from albar_jax.data.manifest import CLASSES_FILE, read_class_names, write_manifest
from albar_jax.data.prepare.base import DataSet, Item
from albar_jax.data.prepare.journal import check_again
from albar_jax.data.same_file import find_contradiction
from albar_jax.errors import UserError
from albar_jax.files import write_text
from albar_jax.storage.class_names import are_numbers, fault_of, read_class_list, write_class_list
from albar_jax.storage.csv_files import write_table

# All files that are written into the folder of a data set.
WRITTEN = {
    records.FOLDER,
    CLASSES_FILE,
    "manifest.csv",
    "stills.csv",
    "events.csv",
    "thumos14.json",
    "missing.tsv",
    "unlisted.tsv",
    "check.tsv",
    "check_journal.jsonl",
}
# Maximum number of unreadable videos that a sentence names.
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Output:
    """The files of one data set: manifest.csv, missing.tsv, check.tsv and others in one folder.

    A test set aras.csv that shares the folder with another data set has aras_missing.tsv and so on.

    Attributes:
      data_set: the data set.
      out: the folder.
    """

    data_set: DataSet
    out: Path

    @property
    def manifest(self) -> Path:
        """The path of the manifest."""
        return self.out / self.data_set.manifest

    @property
    def is_main(self) -> bool:
        """True for a complete data set, False for a test set that belongs to another one."""
        return self.data_set.manifest == "manifest.csv"

    def beside(self, name: str) -> Path:
        """Returns the path of another file of this data set."""
        if self.is_main:
            return self.out / name
        return self.out / f"{self.manifest.stem}_{name}"

    def check_names(
        self, items: Sequence[Item], classes: Sequence[str], stills: Iterable[str] = ()
    ) -> None:
        """Checks that the files can hold a data set.

        Args:
          items: the videos.
          classes: the class names.
          stills: paths of still images.

        Raises:
          UserError: a name cannot be written, or a video has two labels in a split.
        """
        for name in classes:
            if fault := fault_of(name):
                raise UserError(
                    f"the class {name!r} {fault}, which a manifest cannot keep; rename it"
                )

        names = []
        for item in items:
            names += [self.relative(item.path), item.id.strip()]
        for name in (*names, *map(self.relative, stills)):
            if fault := fault_of(name):
                raise UserError(f"the name {name!r} {fault}; rename the file")

        # The same video must not have two labels.
        columns = zip(*((item.path, item.label, item.split) for item in items), strict=True)
        rows = find_contradiction(*columns)
        if rows:
            one, two = (items[row] for row in rows)
            raise UserError(
                f"{two.path} has the labels {one.label} and {two.label} in the split {two.split}; "
                "keep one of them"
            )

    def write_missing(self, missing: Sequence[Item]) -> None:
        """Writes the table of missing videos, or removes an old one if no video is missing."""
        path = self.beside("missing.tsv")
        if not missing:
            # A list of an earlier run would be wrong now.
            path.unlink(missing_ok=True)
            return

        rows = ((item.path, item.label, item.split) for item in missing)
        write_table(path, ("path", "label", "split"), rows, delimiter="\t")

    def write_stills(self, stills: Mapping[str, str]) -> None:
        """Writes the table of still images, given their paths by video id."""
        if stills:
            # An image has a single frame, number 0.
            rows = ((self.relative(path), 0, name) for name, path in stills.items())
            write_table(self.beside("stills.csv"), ("path", "frame", "id"), rows)

    def write_unlisted(self, paths: Sequence[str]) -> None:
        """Writes the table of videos that no list has, or removes an old one."""
        path = self.beside("unlisted.tsv")
        if not paths:
            path.unlink(missing_ok=True)
            return

        write_table(path, ("path",), ((self.relative(name),) for name in paths), delimiter="\t")

    def write_tables(
        self, tables: Mapping[str, Callable[[Collection[str]], str]], ids: Collection[str]
    ) -> None:
        """Writes further files of the data set; see `Listing.tables`."""
        for name, text_of in tables.items():
            write_text(self.beside(name), text_of(ids))

    def drop_unreadable(
        self, items: Sequence[Item], *, jobs: int, deadline: float
    ) -> tuple[list[Item], str]:
        """Decodes all videos and writes check.tsv.

        Args:
          items: the videos.
          jobs: number of processes.
          deadline: limit for the check of one video, in seconds.

        Returns:
          items: the videos that can be read.
          note: a sentence about the others; "" if there are none.

        Raises:
          UserError: no video can be read.
        """
        paths = list(dict.fromkeys(item.path for item in items))
        journal = self.beside("check_journal.jsonl")
        verdicts = check_again(paths, journal, jobs=jobs, deadline=deadline)
        self._write_verdicts([verdicts[path] for path in paths])

        bad = [path for path in paths if verdicts[path].reason]
        named = "; ".join(f"{path}: {verdicts[path].reason}" for path in bad[:_MOST_NAMED])
        if len(bad) > _MOST_NAMED:
            named += "; ..."
        if len(bad) == len(paths):
            raise UserError(f"none of the {len(paths)} videos can be read: {named}")
        if not bad:
            return list(items), ""

        good = [item for item in items if not verdicts[item.path].reason]
        table = self.beside("check.tsv")
        return good, f"unreadable videos are left out: {len(bad)}, see {table}: {named}"

    def relative(self, path: str) -> str:
        """Returns a path as a manifest writes it: relative to `out` if below it, else absolute."""
        base = os.path.abspath(self.out) + os.sep
        return os.path.abspath(path).removeprefix(base).replace(os.sep, "/")

    def write(
        self,
        items: Sequence[Item],
        classes: Sequence[str],
        form: Literal["manifest", "array_record"],
        *,
        check: bool,
    ) -> None:
        """Writes the class names, the records if requested, and the manifest.

        Args:
          items: the videos.
          classes: class names in the order of their numbers.
          form: "array_record" packs the encoded videos into records.
          check: whether to read the records again and compare their checksums. They may have been
            packed or copied long ago.

        Raises:
          UserError: the folder holds another data set, or records are damaged.
        """
        rows = [self._row(item) for item in items]
        self._check_same_data_set(classes)
        self._write_classes(classes)

        if form == "array_record":
            rows = records.pack(self._name, rows, classes, self.out)
            if check:
                checksums.verify(records.location(self._name, self.out))
        write_manifest(self.manifest, rows)

    @property
    def _name(self) -> str:
        return self.data_set.config if self.is_main else self.manifest.stem

    def _row(self, item: Item) -> records.Row:
        row: records.Row = {
            "path": self.relative(item.path),
            "label": item.label,
            "split": item.split,
            "id": item.id,
        }
        # The column exists only if some video has a group.
        if item.group:
            row["group"] = item.group
        return row

    def _write_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Writes check.tsv, unreadable videos first."""
        bad_first = sorted(verdicts, key=lambda verdict: not verdict.reason)
        rows = [(self.relative(v.path), v.frames, v.reason) for v in bad_first]
        write_table(self.beside("check.tsv"), ("path", "frames", "reason"), rows, delimiter="\t")

    def _check_same_data_set(self, classes: Sequence[str]) -> None:
        """Raises UserError if there is already a manifest of another data set."""
        # Numbered classes carry no names that could contradict.
        existing = read_class_names(self.manifest) if self.manifest.exists() else ()
        if are_numbers(existing):
            return

        for name in existing:
            if name not in classes:
                raise UserError(
                    f"{self.manifest} already exists and lists other videos: it has the class "
                    f"{name!r}; choose another --out, or move it away"
                )

    def _write_classes(self, classes: Sequence[str]) -> None:
        """Writes classes.txt.

        A test set has the classes of the data set to which it belongs. It adds the file only if
        there is none. Numbers instead of names fit any data set.

        Raises:
          UserError: the test set has other classes.
        """
        file = self.out / CLASSES_FILE
        if self.is_main:
            write_class_list(file, classes)
            return

        if are_numbers(classes):
            # Reading refuses a damaged file.
            read_class_list(file)
            return
        existing = read_class_list(file).names
        if not existing:
            write_class_list(file, classes)
        elif existing != tuple(classes):
            raise UserError(
                f"the classes of {self.data_set.title} differ from {file}: "
                f"{_first_difference(existing, classes)} here"
            )


def _first_difference(existing: Sequence[str], classes: Sequence[str]) -> str:
    """Describes the first class in which two lists of classes differ."""
    for one, other in zip(existing, classes, strict=False):
        if one != other:
            return f"{one!r} is {other!r}"
    return f"{len(existing)} are {len(classes)}"
