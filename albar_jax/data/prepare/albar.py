"""Reads the lists of ALBAR's released code (multi_dataset_dl.py), a folder for each data set.

    hmdb51_{train,test}_labels.csv
                     HMDB51: class,filename,label; files Videos/<class>/<filename>
    ucfTrainTestlist/
                     UCF101: the original lists; files Videos/<class>/<file>
    annotation_{train,val,test}_fullpath_resizedvids.txt
                     Kinetics-400: `path label` with labels from 1

https://github.com/UCF-CRCV/ALBAR
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from albar_jax.data.prepare import options, ucf101
from albar_jax.data.prepare.base import (
    DataSet,
    Item,
    Listing,
    class_number,
    locate,
    numbered_classes,
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
    """Lists the videos of the data set whose lists are in a folder.

    Args:
      videos: folder of the class folders, or the folder that contains it as Videos.
      splits: folder of the lists.
      classes: list of the class names of Kinetics-400; None uses the numbers.

    Raises:
      UserError: lists are missing or malformed, or no video exists.
    """
    if (videos / "Videos").is_dir():
        videos = videos / "Videos"

    # The names of the lists identify the data set.
    if files := _existing_lists(splits, _HMDB, ("train", "test")):
        return _hmdb51(videos, files)
    if files := _existing_lists(splits, _KINETICS, ("train", "val", "test")):
        names = read_classes(classes) if classes else None
        return _kinetics400(videos, files, names)
    if (splits / "ucfTrainTestlist").is_dir() or (splits / "classInd.txt").is_file():
        return ucf101.read(videos, splits=splits)

    raise UserError(
        f"--splits {splits} holds none of {_HMDB.format('train')}, {_KINETICS.format('train')} and "
        "ucfTrainTestlist"
    )


def _existing_lists(folder: Path, pattern: str, splits: Sequence[str]) -> dict[str, Path]:
    """Returns the lists that exist, by split."""
    files = {}
    for split in splits:
        file = folder / pattern.format(split)
        if file.is_file():
            files[split] = file
    return files


def _hmdb51(videos: Path, files: Mapping[str, Path]) -> Listing:
    name_of: dict[int, str] = {}
    items = []
    for split, file in files.items():
        for where, row in read_csv(file):
            if not all(row.get(name) for name in _COLUMNS):
                raise UserError(f"{where} lacks one of the columns {', '.join(_COLUMNS)}")

            name = row["class"]
            label = class_number(row["label"], where)
            if name_of.setdefault(label, name) != name:
                raise UserError(
                    f"{where} gives the label {label} to {name!r}, but it belongs to "
                    f"{name_of[label]!r}"
                )
            # File names may have folders in front, which differ from disk to disk.
            path = f"{name}/{PurePosixPath(row['filename']).name}"
            items.append(Item(path, name, split, stem(path)))

    classes = [name_of[label] for label in sorted(name_of)]
    if sorted(name_of) != list(range(len(classes))) or len(set(classes)) < len(classes):
        # The training list comes first if both exist.
        first_file = next(iter(files.values()))
        raise UserError(f"{first_file} does not number its classes 0, 1, 2, ...")
    existing, missing = locate(items, videos)
    return Listing(existing, classes, missing)


def _kinetics400(videos: Path, files: Mapping[str, Path], names: Sequence[str] | None) -> Listing:
    items = []
    for split, file in files.items():
        for where, line in read_lines(file):
            path, text = path_and_label(where, line)
            if whole(text) == 0:
                raise UserError(f"{where} has the label 0, but these lists count from 1")

            # The lists count from 1, the manifest counts from 0.
            number = class_number(text, where, len(names) + 1 if names else None) - 1
            label = names[number] if names else str(number)
            # The paths are those on the authors' disk. Other disks have the same class folders.
            path = "/".join(PurePosixPath(path).parts[-2:])
            items.append(Item(path, label, split, PurePosixPath(path).stem))

    existing, missing = locate(items, videos)
    return Listing(existing, names or numbered_classes(items), missing)


DATASET = DataSet(
    title="ALBAR's lists",
    read=read,
    options={
        "--splits": options.path("DIR", "folder of the lists", required=True),
        "--classes": options.path("FILE", "names of the Kinetics-400 classes, one per line"),
    },
)
