"""HMDB51: class folders of .avi files, and `<class>_test_split{1,2,3}.txt` that say 0 (unused), 1 (train) or 2 (test).

https://serre.lab.brown.edu/hmdb51.html (hmdb51_org.rar, test_train_splits.rar)
"""

from pathlib import Path

from albar_jax.data.prepare.base import (
    Item,
    Layout,
    Listing,
    check_folder,
    list_folder,
    locate,
    read_lines,
    stem,
)
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import whole

_SPLITS = {0: None, 1: "train", 2: "test"}


def read(videos: Path, *, splits: Path, split: int = 1) -> Listing:
    """Lists one of the three splits; classes are numbered in the order of the alphabet."""
    ending = f"_test_split{split}.txt"
    folder = list_folder(
        "--splits",
        splits,
        "testTrainMulti_7030_splits",
        lambda near: any(near.glob(f"*{ending}")),
        f"<class>{ending}",
    )
    files = sorted(folder.glob(f"*{ending}"), key=lambda file: file.name.removesuffix(ending))
    items = [item for file in files for item in _read_file(file, file.name.removesuffix(ending))]
    _refuse_unlisted(videos, {item.label for item in items}, folder, ending)
    there, missing = locate(items, videos)
    return Listing(
        there,
        classes=[file.name.removesuffix(ending) for file in files],
        missing=missing,
        published={"train": 3570, "test": 1530},
    )


def _refuse_unlisted(videos: Path, classes: set[str], lists: Path, ending: str) -> None:
    """Without a class, those behind it in the alphabet would get other numbers."""
    check_folder("--videos", videos)
    folders = (
        path for path in sorted(videos.iterdir()) if path.name not in classes and path.is_dir()
    )
    unlisted = next((path for path in folders if any(path.glob("*.avi"))), None)
    if unlisted:
        raise UserError(
            f"{unlisted} holds videos, but {lists} has no {unlisted.name}{ending}; complete the lists"
        )


def _read_file(file: Path, label: str) -> list[Item]:
    items = []
    for where, line in read_lines(file):
        name, _, number = line.rpartition(" ")
        use = whole(number)
        if use not in _SPLITS or not name:
            raise UserError(f"{where} is {line!r}, not a file name and 0, 1 or 2")
        path = f"{label}/{name.strip()}"
        if _SPLITS[use]:
            items.append(Item(path, label, _SPLITS[use], stem(path)))
    return items


LAYOUT = Layout(
    title="HMDB51",
    read=read,
    options={
        "--splits": {
            "type": Path,
            "required": True,
            "metavar": "DIR",
            "help": "testTrainMulti_7030_splits",
        },
        "--split": {
            "type": int,
            "choices": (1, 2, 3),
            "default": 1,
            "help": "default: %(default)s",
        },
    },
    config="hmdb51",
    num_classes=51,
)
