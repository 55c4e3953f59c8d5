"""The lists that ALBAR's released code reads (its multi_dataset_dl.py), one kind of three in a folder.

    hmdb51_{train,test}_labels.csv                    class,filename,label; files Videos/<class>/<filename>
    ucfTrainTestlist/                                 UCF101's own; files Videos/<class>/<file>
    annotation_{train,val,test}_fullpath_resizedvids.txt   Kinetics-400, `path label` with labels from 1

https://github.com/UCF-CRCV/ALBAR
"""

from pathlib import Path, PurePosixPath

from albar_jax.data.prepare import ucf101
from albar_jax.data.prepare.base import (
    Item,
    Layout,
    Listing,
    locate,
    number,
    numbers,
    path_and_label,
    read_classes,
    read_csv,
    read_lines,
    stem,
)
from albar_jax.errors import UserError
from albar_jax.storage.csv_files import whole

_HMDB = "hmdb51_{}_labels.csv"
_COLUMNS = ("class", "filename", "label")
_KINETICS = "annotation_{}_fullpath_resizedvids.txt"


def read(videos: Path, *, splits: Path, classes: Path | None = None) -> Listing:
    """Lists the data set whose lists are in the folder; `classes` names those of Kinetics-400, else numbers."""
    videos = videos / "Videos" if (videos / "Videos").is_dir() else videos
    if hmdb := {
        split: file
        for split in ("train", "test")
        if (file := splits / _HMDB.format(split)).is_file()
    }:
        return _hmdb51(videos, hmdb)
    if kinetics := {
        s: file
        for s in ("train", "val", "test")
        if (file := splits / _KINETICS.format(s)).is_file()
    }:
        return _kinetics400(videos, kinetics, read_classes(classes) if classes else None)
    if (splits / "ucfTrainTestlist").is_dir() or (splits / "classInd.txt").is_file():
        return ucf101.read(videos, splits=splits)
    raise UserError(
        f"--splits {splits} holds none of {_HMDB.format('train')}, {_KINETICS.format('train')} and ucfTrainTestlist"
    )


def _hmdb51(videos: Path, files: dict[str, Path]) -> Listing:
    name_of: dict[int, str] = {}
    items = []
    for split, file in files.items():
        for where, row in read_csv(file):
            if not all(row.get(name) for name in _COLUMNS):
                raise UserError(f"{where} lacks one of the columns {', '.join(_COLUMNS)}")
            label, name = number(row["label"], where), row["class"]
            if name_of.setdefault(label, name) != name:
                raise UserError(
                    f"{where} gives the label {label} to {name!r}, which is that of {name_of[label]!r}"
                )
            path = f"{name}/{PurePosixPath(row['filename']).name}"
            items.append(Item(path, name, split, stem(path)))
    classes = [name_of[label] for label in sorted(name_of)]
    if sorted(name_of) != list(range(len(classes))) or len(set(classes)) < len(classes):
        raise UserError(
            f"{files['train' if 'train' in files else 'test']} does not number its classes 0, 1, 2, ..."
        )
    there, missing = locate(items, videos)
    return Listing(there, classes, missing)


def _kinetics400(videos: Path, files: dict[str, Path], names: list[str] | None) -> Listing:
    items = []
    for split, file in files.items():
        for where, line in read_lines(file):
            path, text = path_and_label(where, line)
            if whole(text) == 0:
                raise UserError(f"{where} has the label 0, but these lists count from 1")
            label = number(text, where, len(names) + 1 if names else None) - 1
            # The paths are those of the authors' disk; what they share with others is the class folder.
            path = "/".join(PurePosixPath(path).parts[-2:])
            items.append(
                Item(path, names[label] if names else str(label), split, PurePosixPath(path).stem)
            )
    there, missing = locate(items, videos)
    return Listing(there, names or numbers(items), missing)


LAYOUT = Layout(
    title="ALBAR's lists",
    read=read,
    options={
        "--splits": {
            "type": Path,
            "required": True,
            "metavar": "DIR",
            "help": "where the lists are",
        },
        "--classes": {
            "type": Path,
            "metavar": "FILE",
            "help": "names of the Kinetics-400 classes, one a line",
        },
    },
)
