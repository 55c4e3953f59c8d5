"""Reads UCF101: class folders of .avi files, and the folder ucfTrainTestlist of lists.

The lists are classInd.txt, trainlist01.txt, testlist01.txt, and so on.

https://www.crcv.ucf.edu/data/UCF101.php (UCF101.rar, UCF101TrainTestSplits-RecognitionTask.zip)
"""

from collections.abc import Sequence
from pathlib import Path

from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import (
    DataSet,
    Find,
    Item,
    Listing,
    list_folder,
    locate,
    read_classes,
    read_lines,
    stem,
)
from albar_jax.data.prepare.disk import Folder
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import whole

# Training and test videos of each split.
_PUBLISHED = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}


def read(videos: Path, *, splits: Path, split: int = 1) -> Listing:
    """Lists the videos of a split. Classes are numbered as in classInd.txt.

    Args:
      videos: folder of the class folders.
      splits: folder of the lists.
      split: number of the split, 1 to 3.

    Raises:
      UserError: lists are missing or malformed, or no video exists.
    """
    names = ("classInd.txt", f"trainlist{split:02}.txt", f"testlist{split:02}.txt")
    folder = list_folder(
        "--splits",
        splits,
        "ucfTrainTestlist",
        lambda path: all((path / name).is_file() for name in names),
        ", ".join(names),
    )
    class_list, train_list, test_list = (folder / name for name in names)

    classes = read_classes(class_list)
    items = [
        *_read_list(train_list, "train", classes),
        *_read_list(test_list, "test", classes),
    ]
    existing, missing = locate(items, videos, _finder)
    train, test = _PUBLISHED[split]
    return Listing(existing, classes, missing, published={"train": train, "test": test})


def _finder(videos: Path) -> Find:
    """Returns a function that finds videos without regard to case.

    The lists contain HandstandPushups/v_HandStandPushups_..., and releases of the videos spell both
    parts with either case.
    """
    return Folder(videos, same=str.casefold).find


def _read_list(file: Path, split: str, classes: Sequence[str]) -> list[Item]:
    """Reads a list, `<class>/<file>` or `<class>/<file> <class number from 1>` in each line."""
    # Folders and lists spell some classes in different case.
    number_of = {name.casefold(): number for number, name in enumerate(classes, start=1)}
    items = []
    for where, line in read_lines(file):
        path, *label = line.split()
        name = path.split("/")[0]

        number = number_of.get(name.casefold())
        if number is None:
            raise UserError(
                f"{where} names the class {name!r}, which {file.with_name('classInd.txt')} does "
                "not have"
            )
        # Test lists have no numbers.
        if label and [whole(text) for text in label] != [number]:
            raise UserError(
                f"{where} gives {name} the label {label[0]}, and classInd.txt the number {number}"
            )

        items.append(Item(path, classes[number - 1], split, stem(path)))
    return items


DATASET = DataSet(
    title="UCF101",
    read=read,
    options={
        "--splits": options.path("DIR", "ucfTrainTestlist", required=True),
        "--split": options.SPLIT,
    },
    config="ucf101",
    num_classes=101,
)
