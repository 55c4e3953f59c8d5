"""Reads lists of mmaction2: `path label` for videos, `folder frames label` for frames.

Frames are stored in folders or archives.

https://mmaction2.readthedocs.io/en/latest/user_guides/prepare_dataset.html
"""

import os
from collections.abc import Sequence
from pathlib import Path

from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import (
    DataSet,
    Find,
    Item,
    Listing,
    class_number,
    labels_of,
    locate,
    numbered_classes,
    path_and_label,
    read_classes,
    read_lines,
    stem,
)
from albar_jax.data.prepare.disk import Folder
from albar_jax.data.suffixes import ARCHIVE_SUFFIX, VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.storage.class_names import read_class_list
from albar_jax.storage.csv_files import whole


def read(
    videos: Path,
    *,
    train: Path | None = None,
    val: Path | None = None,
    test: Path | None = None,
    classes: Path | None = None,
) -> Listing:
    """Lists the videos of each split that has a list.

    Args:
      videos: folder of the videos.
      train: list of the training split.
      val: list of the validation split.
      test: list of the test split.
      classes: list of class names; None uses the numbers.

    Raises:
      UserError: lists are missing or malformed, or no video exists.
    """
    lists = {"train": train, "val": val, "test": test}
    if not any(lists.values()):
        raise UserError("there is no list; give --train, --val or --test, or several")

    names = None
    if classes:
        names = read_classes(classes)

    items = []
    for split, file in lists.items():
        if file:
            items += _read_list(file, split, names)

    existing, missing = locate(items, videos, _finder)
    used = labels_of(items)
    # Such a class list would shift all names by one.
    if classes and names and read_class_list(classes).first == 1 and names[0] not in used:
        raise UserError(
            f"{classes} numbers its classes from 1, and the lists, which count from 0, have no "
            "label 0; number both from 0"
        )

    names = names or numbered_classes(items)
    notes = []
    if len(names) > len(used):
        notes.append(f"{len(names)} classes are named, and {len(used)} of them have videos")
    return Listing(existing, names, missing, notes)


def _read_list(file: Path, split: str, names: Sequence[str] | None) -> list[Item]:
    """Reads the list of a split."""
    items = []
    for where, line in read_lines(file):
        path, label = path_and_label(where, line)
        words = path.rsplit(None, 1)
        # The second word is a number of frames; a name alone may contain spaces.
        if len(words) == 2 and whole(words[1]) is not None:
            path = words[0]
            if suffix(path) in VIDEO_SUFFIXES:
                raise UserError(
                    f"{where} gives a video two labels, {words[1]} and {label}; one is needed"
                )

        # Lists may write ./path or path//file, but the id must not depend on it.
        path = os.path.normpath(path)
        number = class_number(label, where, len(names) if names else None)
        items.append(Item(path, names[number] if names else str(number), split, stem(path)))

    if not items:
        raise UserError(f"{file} lists no videos")
    return items


def _finder(videos: Path) -> Find:
    """Returns a function that finds videos, folders of frames, and archives of frames."""
    folder = Folder(videos)
    # Lists name folders of frames; users may have packed these into archives.
    return lambda path: folder.find(path) or folder.find(path + ARCHIVE_SUFFIX)


DATASET = DataSet(
    title="mmaction2 lists",
    read=read,
    options={
        "--train": options.path("FILE", "list of the split train"),
        "--val": options.path("FILE", "list of the split val"),
        "--test": options.path("FILE", "list of the split test"),
        "--classes": options.path("FILE", "class names, one per line, in the order of the labels"),
    },
)
