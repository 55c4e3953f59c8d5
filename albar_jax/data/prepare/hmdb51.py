"""Reads HMDB51: class folders of .avi files, and lists <class>_test_split{1,2,3}.txt.

Each line of a list has a file name and 0 (unused), 1 (train) or 2 (test).

https://serre.lab.brown.edu/hmdb51.html (hmdb51_org.rar, test_train_splits.rar)
"""

from collections.abc import Collection
from pathlib import Path

from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import (
    DataSet,
    Item,
    Listing,
    check_folder,
    labels_of,
    list_folder,
    locate,
    read_lines,
    stem,
)
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import whole

_SPLITS = {0: None, 1: "train", 2: "test"}


def read(videos: Path, *, splits: Path, split: int = 1) -> Listing:
    """Lists the videos of a split. Classes are numbered in alphabetical order.

    Args:
      videos: folder of the class folders.
      splits: folder of the lists.
      split: number of the split, 1 to 3.

    Raises:
      UserError: lists are missing or malformed, or no video exists.
    """
    ending = f"_test_split{split}.txt"
    folder = list_folder(
        "--splits",
        splits,
        "testTrainMulti_7030_splits",
        lambda path: any(path.glob(f"*{ending}")),
        f"<class>{ending}",
    )

    # The class is in the name of the list.
    files = {file.name.removesuffix(ending): file for file in folder.glob(f"*{ending}")}
    classes = sorted(files)
    items = []
    for name in classes:
        items += _read_file(files[name], name)

    _refuse_unlisted(videos, labels_of(items), folder, ending)
    existing, missing = locate(items, videos)
    return Listing(existing, classes, missing, published={"train": 3570, "test": 1530})


def _refuse_unlisted(videos: Path, classes: Collection[str], lists: Path, ending: str) -> None:
    """Raises UserError for a class folder without a list.

    If a class were missing, all classes after it in the alphabet would get other numbers.
    """
    check_folder("--videos", videos)
    for path in sorted(videos.iterdir()):
        # Other folders without videos do no harm.
        if path.name not in classes and path.is_dir() and any(path.glob("*.avi")):
            raise UserError(
                f"{path} holds videos, but {lists} has no {path.name}{ending}; complete the lists"
            )


def _read_file(file: Path, label: str) -> list[Item]:
    """Reads the list of a class, without unused videos."""
    items = []
    for where, line in read_lines(file):
        # File names may contain blanks.
        name, _, number = line.rpartition(" ")
        use = whole(number)
        if use not in _SPLITS or not name:
            raise UserError(f"{where} is {line!r}, not a file name and 0, 1 or 2")

        split = _SPLITS[use]
        if split:
            path = f"{label}/{name.strip()}"
            items.append(Item(path, label, split, stem(path)))
    return items


DATASET = DataSet(
    title="HMDB51",
    read=read,
    options={
        "--splits": options.path("DIR", "testTrainMulti_7030_splits", required=True),
        "--split": options.SPLIT,
    },
    config="hmdb51",
    num_classes=51,
)
