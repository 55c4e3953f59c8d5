"""ARAS: actions of Kinetics-400 in rare scenes, `aras_test_balance.txt` with `aras_clips/<class>/<clip>.mp4 <number>`.

https://github.com/kennymckormick/ARAS-Dataset. Of its 1,038 lines 117 repeat another, and published figures count all.
"""

from pathlib import Path, PurePosixPath

from albar_jax.data.prepare.base import (
    Item,
    Layout,
    Listing,
    list_folder,
    locate,
    number,
    numbers,
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
    """Lists every line; labels are the names in k400_actions.txt if that lies beside the list, or numbers."""
    folder = list_folder(
        "--splits", splits, "annotations", lambda near: (near / _LIST).is_file(), _LIST
    )
    names = read_classes(folder / _CLASSES) if (folder / _CLASSES).exists() else None
    items = []
    for where, line in read_lines(folder / _LIST):
        path, text = path_and_label(where, line)
        label = number(text, where, len(names) if names else None)
        if names and PurePosixPath(path).parent.name.replace("_", " ") != names[label].replace(
            "_", " "
        ):
            raise UserError(
                f"{where} has the label {label}, which is {names[label]!r} in {folder / _CLASSES}"
            )
        items.append(
            Item(
                path, names[label] if names else str(label), "test", stem(path.removeprefix(_CLIPS))
            )
        )
    there, missing = locate(items, videos, _finder)
    unique = len({item.path for item in items})
    notes = [
        f"{len(items)} lines name {unique} clips; each repeat is a row of its own, its id ends in #2, #3, ..."
    ]
    return Listing(there, names or numbers(items), missing, notes, {"test": 1038})


def _finder(videos: Path):
    """Finds clips under the folder aras_clips or the one that holds it."""
    folder = Folder(videos)
    return lambda path: folder.find(path) or folder.find(path.removeprefix(_CLIPS))


LAYOUT = Layout(
    title="ARAS",
    read=read,
    options={
        "--splits": {
            "type": Path,
            "required": True,
            "metavar": "DIR",
            "help": f"its annotations, with {_LIST}",
        }
    },
    config="kinetics400",
    manifest="aras.csv",
)
