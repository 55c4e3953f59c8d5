"""From what a layout found to the files on disk and the words on the screen."""

import collections
import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from albar_jax.data import checksums, records
from albar_jax.data.manifest import CLASSES_FILE, read_class_names, write_manifest
from albar_jax.data.prepare.base import Item, Layout, Listing
from albar_jax.data.prepare.journal import check_again
from albar_jax.data.same_file import contradiction
from albar_jax.errors import UserError
from albar_jax.storage.class_names import fault_of, read_class_list, write_class_list
from albar_jax.storage.csv_files import write_table
from albar_jax.terminal.escapes import shell_word

# All that is written into the folder of a data set.
WRITTEN = {
    records.FOLDER,
    CLASSES_FILE,
    "manifest.csv",
    "stills.csv",
    "missing.tsv",
    "check.tsv",
    "check_journal.jsonl",
}
_NAMED = 3  # bad videos in a sentence
_SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Output:
    """Where the files of one data set go: `<out>/manifest.csv` and, beside it, missing.tsv, check.tsv, ...

    Those of a test set `<out>/aras.csv` that lives beside another manifest are aras_missing.tsv and so on.
    """

    layout: Layout
    out: Path

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.out / self.layout.manifest

    def beside(self, name: str) -> Path:
        """Another file of this data set."""
        return self.out / (name if self.is_main else f"{self.manifest.stem}_{name}")

    @property
    def is_main(self) -> bool:
        """Whether this is a data set of its own, not a test set that belongs to another."""
        return self.layout.manifest == "manifest.csv"

    def refuse_odd(
        self, items: Sequence[Item], classes: Sequence[str], stills: Iterable[str] = ()
    ) -> None:
        """Raises UserError for names that files cannot hold and for videos with two labels."""
        for name in filter(fault_of, classes):
            raise UserError(
                f"the class {name!r} {fault_of(name)}, which no manifest keeps; rename it"
            )
        names = [text for item in items for text in (self.relative(item.path), item.id.strip())]
        for name in (*names, *map(self.relative, stills)):
            if fault := fault_of(name):
                raise UserError(f"the name {name!r} {fault}; rename the file")

        rows = contradiction(
            *zip(*((item.path, item.label, item.split) for item in items), strict=True)
        )
        if rows:
            one, two = (items[row] for row in rows)
            raise UserError(
                f"{two.path} has the labels {one.label} and {two.label} in the split {two.split}; keep one of them"
            )

    def write_missing(self, missing: Sequence[Item]) -> None:
        """Lists the videos that are not there; an old list goes where there are none."""
        path = self.beside("missing.tsv")
        if missing:
            rows = ((item.path, item.label, item.split) for item in missing)
            write_table(path, ("path", "label", "split"), rows, delimiter="\t")
        else:
            path.unlink(missing_ok=True)

    def write_stills(self, stills: Mapping[str, str]) -> None:
        """Lists the pictures that go along with the videos, each by the id of its own."""
        if stills:
            rows = ((self.relative(path), 0, name) for name, path in stills.items())
            write_table(self.beside("stills.csv"), ("path", "frame", "id"), rows)

    def without_bad(
        self, items: Sequence[Item], *, jobs: int, deadline: float
    ) -> tuple[list[Item], str]:
        """Decodes all videos, writes check.tsv, and returns the good ones and a sentence about the bad ones."""
        paths = list(dict.fromkeys(item.path for item in items))
        verdicts = check_again(
            paths, self.beside("check_journal.jsonl"), jobs=jobs, deadline=deadline
        )
        table = self.beside("check.tsv")
        write_table(
            table,
            ("path", "frames", "reason"),
            (
                (self.relative(path), verdicts[path].frames, verdicts[path].reason)
                for path in sorted(
                    paths, key=lambda path: not verdicts[path].reason
                )  # the bad ones first
            ),
            delimiter="\t",
        )
        bad = [path for path in paths if verdicts[path].reason]
        first = "; ".join(f"{path}: {verdicts[path].reason}" for path in bad[:_NAMED]) + "; ..." * (
            len(bad) > _NAMED
        )
        if len(bad) == len(paths):
            raise UserError(f"none of the {len(paths)} videos can be read: {first}")
        good = [item for item in items if not verdicts[item.path].reason]
        return (
            good,
            f"{len(bad)} videos cannot be read and are left out, see {table}: {first}"
            if bad
            else "",
        )

    def relative(self, path: str) -> str:
        """Returns the path as a manifest names it: relative to `out` where it lies beneath, else absolute."""
        path, base = os.path.abspath(path), os.path.abspath(self.out) + os.sep
        return path.removeprefix(base).replace(os.sep, "/")

    def write(
        self,
        items: Sequence[Item],
        classes: Sequence[str],
        form: Literal["manifest", "array_record"],
        *,
        check: bool,
    ) -> None:
        """Writes the manifest and its classes, after packing the videos if they shall be records.

        `check` reads these again and compares their sums: they may have been packed, or copied, long ago.
        """
        rows = [self._row(item) for item in items]
        self._refuse_another(classes)
        self._write_classes(classes)
        if form == "array_record":
            rows = records.pack(self._name, rows, classes, self.out)
            if check:
                checksums.verify(records.location(self._name, self.out))
        write_manifest(self.manifest, rows)

    @property
    def _name(self) -> str:
        return self.layout.config if self.is_main else self.manifest.stem

    def _row(self, item: Item) -> records.Row:
        row = {
            "path": self.relative(item.path),
            "label": item.label,
            "split": item.split,
            "id": item.id,
        }
        return row | ({"group": item.group} if item.group else {})

    def _refuse_another(self, classes: Sequence[str]) -> None:
        """Raises UserError if the manifest that is there is of another data set, or somebody's own."""
        there = read_class_names(self.manifest) if self.manifest.exists() else ()
        foreign = [] if _are_numbers(there) else [name for name in there if name not in classes]
        if foreign:
            raise UserError(
                f"{self.manifest} is there already and of other videos: it has the class {foreign[0]!r}; "
                "choose another --out, or move it away"
            )

    def _write_classes(self, classes: Sequence[str]) -> None:
        file = self.out / CLASSES_FILE
        there = () if self.is_main else read_class_list(file).names
        if not there and (self.is_main or not _are_numbers(classes)):
            write_class_list(file, classes)
        # A test set goes with the data set it belongs to, so the names must be the same; numbers fit any.
        if there and not _are_numbers(classes) and there != tuple(classes):
            differing = next(
                (pair for pair in zip(there, classes, strict=False) if pair[0] != pair[1]), None
            )
            what = (
                f"{differing[0]!r} is {differing[1]!r}"
                if differing
                else f"{len(there)} are {len(classes)}"
            )
            raise UserError(
                f"the classes of {self.layout.title} are not those of {file}: {what} here"
            )


def _are_numbers(classes: Sequence[str]) -> bool:
    return list(classes) == [str(number) for number in range(len(classes))]


def summary(layout: Layout, listing: Listing, items: Sequence[Item]) -> list[str]:
    """Returns lines that say how much there is, and where that is not what was published."""
    counts = collections.Counter(item.split for item in items)
    number = len(listing.classes)
    splits = ", ".join(f"{split} {counts[split]:,}" for split in _SPLITS if split in counts)
    lines = [f"{layout.title}: {len(items):,} videos of {number:,} classes: {splits}"]
    expected = {
        split: f"{count:,}" for split, count in listing.published.items() if counts[split] != count
    }
    if expected:
        words = ", ".join(f"{split} {count}" for split, count in expected.items())
        lines.append(f"note: the published data set has {words}")
    if layout.num_classes not in (None, number):
        lines.append(f"note: the published data set has {layout.num_classes} classes")
    if several := len({(item.path, item.split) for item in items}) - len(
        {item.path for item in items}
    ):
        lines.append(f"note: {several} videos are in more than one split")
    return lines


def next_command(output: Output, items: Sequence[Item], num_classes: int) -> str:
    """Returns the command that uses the manifest."""
    config, splits = output.layout.config, {item.split for item in items}
    run = f"runs/{config}/albar"
    if not output.is_main:
        return f"albar evaluate --workdir {run} --out {run}/evaluation"
    changes = {}
    if output.manifest.absolute() != Path("data", config, "manifest.csv").absolute():
        changes["data.manifest"] = str(output.manifest)
    if output.layout.num_classes not in (None, num_classes):
        changes["model.num_classes"] = str(num_classes)
    usual = "val" if config == "kinetics400" else "test"
    if usual not in splits and (others := splits & {"val", "test"}):
        changes["data.test_split"] = min(others)
    elif {usual, "val"} <= splits and usual != "val":
        changes["data.validation_split"] = "val"
    flags = [shell_word(f"--config.{name}={value}") for name, value in changes.items()]
    if "train" in splits:
        return " ".join(["albar train --config", config, *flags, f"--workdir {run}"])
    return " ".join(
        [
            "albar evaluate --weights FILE --config",
            config,
            *flags,
            f"--out {run}",
        ]
    )
