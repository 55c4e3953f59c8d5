"""Reads ARAS: actions of Kinetics-400 in rare scenes.

The list aras_test_balance.txt has a line `aras_clips/<class>/<clip>.mp4 <class number>` for each
clip. 117 of its 1,038 lines repeat another line. Published figures count all lines.

https://github.com/kennymckormick/ARAS-Dataset
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import (
    DataSet,
    Find,
    Item,
    Listing,
    class_number,
    list_folder,
    locate,
    numbered_classes,
    path_and_label,
    read_classes,
    read_lines,
    stem,
)
from albar_jax.data.prepare.disk import Folder
from albar_jax.errors import UserError

_LIST = "aras_test_balance.txt"
_CLASSES = "k400_actions.txt"
_CLIPS = "aras_clips/"


def read(videos: Path, *, splits: Path) -> Listing:
    """Lists a video for every line of the list.

    Args:
      videos: folder aras_clips, or the folder that contains it.
      splits: folder of the list. If it also has k400_actions.txt, labels are the names in it;
        otherwise they are numbers.

    Raises:
      UserError: the list is missing or malformed, or no video exists.
    """
    folder = list_folder(
        "--splits", splits, "annotations", lambda path: (path / _LIST).is_file(), _LIST
    )
    # The class list is optional. It belongs to the training data, not to ARAS.
    class_list = folder / _CLASSES
    names = None
    if class_list.exists():
        names = read_classes(class_list)

    # The manifest gets a row for each line, repeats included.
    items = []
    for where, line in read_lines(folder / _LIST):
        path, text = path_and_label(where, line)
        number = class_number(text, where, len(names) if names else None)
        if names:
            _check_label(where, path, number, names, class_list)
        label = names[number] if names else str(number)
        # The same id for both layouts of the clips: with and without the folder aras_clips.
        items.append(Item(path, label, "test", stem(path.removeprefix(_CLIPS))))

    existing, missing = locate(items, videos, _finder)
    unique = len({item.path for item in items})
    notes = [
        f"{len(items)} lines name {unique} clips; each repeat has its own row and an id with the "
        "suffix #2, #3, ..."
    ]
    return Listing(existing, names or numbered_classes(items), missing, notes, {"test": 1038})


def _check_label(
    where: str, path: str, number: int, names: Sequence[str], class_list: Path
) -> None:
    """Raises UserError if a clip's number and its folder give different classes."""
    folder = PurePosixPath(path).parent.name
    # Releases write spaces or underscores in the names of folders.
    if folder.replace("_", " ") != names[number].replace("_", " "):
        raise UserError(
            f"{where} has the label {number}, which is {names[number]!r} in {class_list}"
        )


def _finder(videos: Path) -> Find:
    """Returns a function that finds clips in the folder aras_clips or the one that contains it."""
    folder = Folder(videos)
    return lambda path: folder.find(path) or folder.find(path.removeprefix(_CLIPS))


DATASET = DataSet(
    title="ARAS",
    read=read,
    options={"--splits": options.path("DIR", f"its annotations, with {_LIST}", required=True)},
    config="kinetics400",
    manifest="aras.csv",
)
