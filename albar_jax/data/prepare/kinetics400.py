"""Reads Kinetics-400: CSV lists and video files `<id>_%06d_%06d.mp4` in any subfolder.

The lists have the columns label,youtube_id,time_start,time_end,split.

https://github.com/cvdfoundation/kinetics-dataset
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import DataSet, Item, Listing, check_folder, labels_of, read_csv
from albar_jax.data.prepare.disk import walk
from albar_jax.data.suffixes import VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import is_missing, read_records

_COLUMNS = ("youtube_id", "time_start", "time_end")
_SPLITS = {"train": "train", "val": "val", "validate": "val", "validation": "val", "test": "test"}


def read(videos: Path, *, splits: Path) -> Listing:
    """Lists the clips of all lists. Their classes are numbered in alphabetical order.

    Args:
      videos: folder of the videos.
      splits: folder of the lists, or one of them.

    Raises:
      UserError: lists are missing or malformed, or no video exists.
    """
    rows: list[Item] = []
    for file in _csv_files(splits):
        rows += _read_list(file)

    # The first labeled row of each clip counts.
    first_of: dict[str, Item] = {}
    for item in rows:
        if item.label:
            first_of.setdefault(item.id, item)
    items = [item for item in rows if first_of.get(item.id) is item]
    if not items:
        raise UserError(f"the clips in --splits {splits} have no labels")

    check_folder("--videos", videos)
    existing, missing = _locate(items, videos)

    notes = _notes(rows, first_of)
    for split in sorted(_splits(items) - _splits(existing)):
        notes.append(f"no video of the split {split} exists")
    return Listing(existing, sorted(labels_of(items)), missing, notes)


def _splits(items: Sequence[Item]) -> set[str]:
    return {item.split for item in items}


def _locate(items: Sequence[Item], videos: Path) -> tuple[list[Item], list[Item]]:
    """Finds clips by name in any subfolder. Returns existing and missing ones."""
    paths = _index(videos)
    existing: list[Item] = []
    missing: list[Item] = []
    for item in items:
        if item.id in paths:
            existing.append(Item(paths[item.id], item.label, item.split, item.id))
        else:
            missing.append(item)

    if not existing:
        example = os.path.basename(min(paths.values(), default="none"))
        raise UserError(
            f"none of the {len(items)} clips, {items[0].path} first, is among the {len(paths)} "
            f"videos under --videos {videos} ({example})"
        )
    return existing, missing


def _notes(rows: Sequence[Item], first_of: Mapping[str, Item]) -> list[str]:
    """Describes the rows that are left out."""
    labelled = [item for item in rows if item.label]
    notes = []
    # Some lists contain clips without labels.
    if unlabelled := len(rows) - len(labelled):
        notes.append(f"{unlabelled} clips have no label and are left out")
    if repeats := len(labelled) - len(first_of):
        notes.append(f"{repeats} lines repeat a clip and are left out")

    differing = []
    for item in labelled:
        if item.label != first_of[item.id].label:
            differing.append(item.id)
    if differing:
        notes.append(
            f"{len(differing)} of them have another label than the first, {differing[0]} first"
        )
    return notes


def _csv_files(splits: Path) -> list[Path]:
    """Returns the lists, in the order train, val, test, others."""
    # A user may give one list, or the folder of all of them.
    candidates = [splits] if splits.is_file() else sorted(splits.glob("*.csv"))
    files = [file for file in candidates if set(_COLUMNS) <= set(_header(file))]
    if not files:
        raise UserError(
            f"--splits {splits} is no CSV file with the columns label,{','.join(_COLUMNS)},split, "
            "nor a folder of such files"
        )
    return sorted(files, key=_rank)


def _rank(file: Path) -> tuple[int, str]:
    if file.stem in _SPLITS:
        return list(_SPLITS).index(file.stem), file.name
    return len(_SPLITS), file.name


def _header(file: Path) -> list[str]:
    """Returns the columns of a CSV file, none if it cannot be read."""
    # The folder may hold other files that are not lists.
    with contextlib.suppress(UserError):
        for _, header in itertools.islice(read_records(file, errors="replace"), 1):
            return [name.strip() for name in header]
    return []


def _read_list(file: Path) -> Iterator[Item]:
    """Yields the clips of a list; the label is "" where it is missing."""
    for where, row in read_csv(file):
        split = (row.get("split") or file.stem).strip().lower()
        try:
            start, end = (int(float(row[name])) for name in _COLUMNS[1:])
        # The time is a word, or infinite.
        except (ValueError, OverflowError):
            raise UserError(f"{where} has no times in seconds: {row}") from None
        if split not in _SPLITS:
            raise UserError(f"{where} has the split {split!r}; it is train, val or test")

        name = f"{row['youtube_id'].strip()}_{start:06}_{end:06}"
        # Releases write spaces or underscores; the class list of the published models has spaces.
        label = row.get("label", "").replace("_", " ")
        if is_missing(row.get("label", "")):
            label = ""
        yield Item(f"{name}.mp4", label, _SPLITS[split], name)


def _index(root: Path) -> dict[str, str]:
    """Returns the paths of all videos by name without suffix; the first path of repeated names."""
    paths: dict[str, str] = {}
    for entry in walk(root, lambda entry: suffix(entry.name) in VIDEO_SUFFIXES):
        # Videos lie in class folders, in parts or directly in the folder, depending on the
        # download.
        if suffix(entry.name) in VIDEO_SUFFIXES:
            paths.setdefault(os.path.splitext(entry.name)[0], entry.path)
    return paths


DATASET = DataSet(
    title="Kinetics-400",
    read=read,
    options={"--splits": options.path("DIR", "its CSV files, or one of them", required=True)},
    config="kinetics400",
    num_classes=400,
    may_lack_videos=True,
)
