"""UCF101: class folders of .avi files, and the folder ucfTrainTestlist with classInd.txt, trainlist01.txt, ...

https://www.crcv.ucf.edu/data/UCF101.php (UCF101.rar, UCF101TrainTestSplits-RecognitionTask.zip)
"""

from pathlib import Path

from albar_jax.data.prepare.base import (
    Item,
    Layout,
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

_PUBLISHED = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}


def read(videos: Path, *, splits: Path, split: int = 1) -> Listing:
    """Lists one of the three splits; classes are numbered as in classInd.txt."""
    wanted = ("classInd.txt", f"trainlist{split:02}.txt", f"testlist{split:02}.txt")
    folder = list_folder(
        "--splits",
        splits,
        "ucfTrainTestlist",
        lambda near: all((near / name).is_file() for name in wanted),
        ", ".join(wanted),
    )
    classes = read_classes(folder / wanted[0])
    items = [
        *_read_list(folder / wanted[1], "train", classes),
        *_read_list(folder / wanted[2], "test", classes),
    ]
    # The lists have HandstandPushups/v_HandStandPushups_...; releases of the videos spell either part either way.
    there, missing = locate(items, videos, lambda folder: Folder(folder, same=str.casefold).find)
    return Listing(
        there,
        classes,
        missing,
        published=dict(zip(("train", "test"), _PUBLISHED[split], strict=True)),
    )


def _read_list(file: Path, split: str, classes: list[str]) -> list[Item]:
    number_of = {name.casefold(): number for number, name in enumerate(classes, start=1)}
    items = []
    for where, line in read_lines(file):
        path, *label = line.split()
        name = path.split("/")[0]
        number = number_of.get(name.casefold())
        if number is None:
            raise UserError(
                f"{where} names the class {name!r}, which {file.with_name('classInd.txt')} does not have"
            )
        if label and [whole(text) for text in label] != [number]:
            raise UserError(
                f"{where} gives {name} the label {label[0]}, and classInd.txt the number {number}"
            )
        items.append(Item(path, classes[number - 1], split, stem(path)))
    return items


LAYOUT = Layout(
    title="UCF101",
    read=read,
    options={
        "--splits": {"type": Path, "required": True, "metavar": "DIR", "help": "ucfTrainTestlist"},
        "--split": {
            "type": int,
            "choices": (1, 2, 3),
            "default": 1,
            "help": "default: %(default)s",
        },
    },
    config="ucf101",
    num_classes=101,
)
