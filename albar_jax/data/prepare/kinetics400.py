"""Kinetics-400: CSV files `label,youtube_id,time_start,time_end,split`, and files `<id>_%06d_%06d.mp4` anywhere.

https://github.com/cvdfoundation/kinetics-dataset
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from albar_jax.data.prepare.base import Item, Layout, Listing, check_folder, read_csv
from albar_jax.data.prepare.disk import walk
from albar_jax.data.suffixes import VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import is_missing, read_records

_COLUMNS = ("youtube_id", "time_start", "time_end")
_SPLITS = {"train": "train", "val": "val", "validate": "val", "validation": "val", "test": "test"}


def read(videos: Path, *, splits: Path) -> Listing:
    """Lists the clips of all CSV files; classes are all of theirs, numbered in the order of the alphabet."""
    rows = [item for file in _csv_files(splits) for item in _read_list(file)]
    clips = {item.id: item for item in reversed(rows) if item.label}  # the first of several
    items = [item for item in rows if clips.get(item.id) is item]
    if not items:
        raise UserError(f"the clips in --splits {splits} have no labels")
    check_folder("--videos", videos)
    paths = _index(videos)
    there = [
        Item(paths[item.id], item.label, item.split, item.id) for item in items if item.id in paths
    ]
    if not there:
        example = os.path.basename(min(paths.values(), default="none"))
        raise UserError(
            f"none of the {len(items)} clips, {items[0].path} first, is among the {len(paths)} videos under --videos "
            f"{videos} ({example})"
        )
    unlabelled = sum(not item.label for item in rows)
    notes = [f"{unlabelled} clips have no label and are left out"] if unlabelled else []
    if repeats := len(rows) - unlabelled - len(items):
        notes.append(f"{repeats} lines repeat a clip and are left out")
    if differing := [item.id for item in rows if item.label and item.label != clips[item.id].label]:
        notes.append(
            f"{len(differing)} of them have another label than the first, {differing[0]} first"
        )
    missing = [item for item in items if item.id not in paths]
    lost = sorted({item.split for item in items} - {item.split for item in there})
    notes += [f"no video of the split {split} is there" for split in lost]
    return Listing(there, sorted({item.label for item in items}), missing, notes)


def _csv_files(splits: Path) -> list[Path]:
    files = [splits] if splits.is_file() else sorted(splits.glob("*.csv"))
    files = [file for file in files if set(_COLUMNS) <= set(_header(file))]
    if not files:
        raise UserError(
            f"--splits {splits} is no CSV file with the columns label,{','.join(_COLUMNS)},split, nor a folder of such"
        )
    return sorted(
        files,
        key=lambda file: (list(_SPLITS).index(file.stem) if file.stem in _SPLITS else 9, file.name),
    )


def _header(file: Path) -> list[str]:
    # The folder may hold other files that are not lists.
    with contextlib.suppress(UserError):
        return [
            name.strip()
            for _, header in itertools.islice(read_records(file, errors="replace"), 1)
            for name in header
        ]
    return []


def _read_list(file: Path) -> Iterator[Item]:
    for where, row in read_csv(file):
        split = (row.get("split") or file.stem).strip().lower()
        try:
            start, end = (int(float(row[name])) for name in _COLUMNS[1:])
        except (ValueError, OverflowError):  # a word, or inf
            raise UserError(f"{where} has no times in seconds: {row}") from None
        if split not in _SPLITS:
            raise UserError(f"{where} has the split {split!r}; it is train, val or test")
        name = f"{row['youtube_id'].strip()}_{start:06}_{end:06}"
        label = row.get("label", "")
        label = "" if is_missing(label) else label.replace("_", " ")
        # Releases write spaces or underscores; the class list of the published models has spaces.
        yield Item(f"{name}.mp4", label, _SPLITS[split], name)


def _index(root: Path) -> dict[str, str]:
    """Returns the paths of all videos by their names without suffix, the first where there are several."""
    paths: dict[str, str] = {}
    for entry in walk(root, lambda entry: suffix(entry.name) in VIDEO_SUFFIXES):
        if suffix(entry.name) in VIDEO_SUFFIXES:
            paths.setdefault(os.path.splitext(entry.name)[0], entry.path)
    return paths


LAYOUT = Layout(
    title="Kinetics-400",
    read=read,
    options={
        "--splits": {
            "type": Path,
            "required": True,
            "metavar": "DIR",
            "help": "its CSV files, or one of them",
        }
    },
    config="kinetics400",
    num_classes=400,
    may_lack_videos=True,
)
