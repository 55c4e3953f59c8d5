"""mmaction2's lists: lines `path label` for videos, `folder frames label` for folders or archives of frames.

https://mmaction2.readthedocs.io/en/latest/user_guides/prepare_dataset.html
"""

import os
from pathlib import Path

from albar_jax.data.prepare.base import (
    Item,
    Layout,
    Listing,
    locate,
    number,
    numbers,
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
    """Lists each split that has a file; classes are those of the file `classes`, or numbers."""
    lists = {"train": train, "val": val, "test": test}
    if not any(lists.values()):
        raise UserError("there is no list; give --train, --val or --test, or several")
    names = read_classes(classes) if classes else None
    items = [
        item for split, file in lists.items() if file for item in _read_list(file, split, names)
    ]
    there, missing = locate(items, videos, _finder)
    used = {item.label for item in items}
    if names and read_class_list(classes).first == 1 and names[0] not in used:
        raise UserError(
            f"{classes} numbers its classes from 1, and the lists, which count from 0, have no label 0; number both "
            "from 0"
        )
    names = names or numbers(items)
    notes = (
        [f"{len(names)} classes are named, of which {len(used)} have videos"]
        if len(names) > len(used)
        else []
    )
    return Listing(there, names, missing, notes)


def _read_list(file: Path, split: str, names: list[str] | None) -> list[Item]:
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
        path = os.path.normpath(path)
        index = number(label, where, len(names) if names else None)
        items.append(Item(path, names[index] if names else str(index), split, stem(path)))
    if not items:
        raise UserError(f"{file} lists no videos")
    return items


def _finder(videos: Path):
    """Finds videos, folders of frames, and their archives."""
    folder = Folder(videos)
    return lambda path: folder.find(path) or folder.find(path + ARCHIVE_SUFFIX)


def _list_option(split: str) -> dict:
    return {"type": Path, "metavar": "FILE", "help": f"list of the split {split}"}


LAYOUT = Layout(
    title="mmaction2 lists",
    read=read,
    options={f"--{split}": _list_option(split) for split in ("train", "val", "test")}
    | {
        "--classes": {
            "type": Path,
            "metavar": "FILE",
            "help": "class names, one a line, in the order of the labels",
        }
    },
)
