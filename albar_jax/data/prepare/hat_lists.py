"""Finds the folders that HAT released, and reads its lists of action swaps."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from albar_jax.data.prepare.base import check_folder
from albar_jax.data.prepare.disk import entries, is_folder, nearby
from albar_jax.data.suffixes import IMAGE_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.storage import inert_pickle

# Names of the folders, by what they hold: in HAT's repository, and in the instructions of DEVIAS.
FOLDERS: Mapping[str, tuple[str, ...]] = {
    "scenes": ("inp", "inpaint"),
    "masks": ("seg",),
    "videos": ("ori", "original", "rawframes"),
}
# HAT's name of a kind of swaps -> ours. Its control "same" has scenes of the same class.
_KINDS = {"rand": "swap", "close": "swap_close", "far": "swap_far"}
_LIST = re.compile(rf"actionswap_({'|'.join(_KINDS)})_([1-9][0-9]?)\.pickle")

# The scene's video of each person's video, by their names without the folder of the class.
Swaps = Mapping[str, str]


def find_folders(root: Path) -> dict[str, Path]:
    """Finds HAT's folders of frames.

    Args:
      root: the folder that holds them.

    Returns:
      The paths, by the keys of `FOLDERS`.

    Raises:
      UserError: one is missing. The message names a nearby folder that has all of them, if there is
        one.
    """
    check_folder("--videos", root)
    folders = _look(root)
    for what, names in FOLDERS.items():
        if what in folders:
            continue
        right = next(
            (folder for folder in nearby(root) if len(_look(folder)) == len(FOLDERS)), None
        )
        remedy = f"did you mean {right}?" if right else "unpack the archives of HAT"
        raise UserError(f"--videos {root} holds no folder {' or '.join(names)}; {remedy}")
    return folders


def find_videos(folder: Path) -> dict[str, str]:
    """Finds folders of frames, `<video>` or `<class>/<video>`.

    Args:
      folder: one of HAT's folders.

    Returns:
      The path of each video's folder, by the name of the video.

    Raises:
      UserError: two folders have the same name.
    """
    videos: dict[str, str] = {}
    for entry in entries(folder):
        if not is_folder(entry):
            continue
        found = [entry] if _has_pictures(entry.path) else entries(entry.path)
        for video in found:
            if not is_folder(video):
                continue
            if video.name in videos:
                raise UserError(
                    f"{videos[video.name]} and {video.path} are the same video; keep one of them"
                )
            videos[video.name] = video.path
    return videos


def find_lists(folder: Path) -> dict[tuple[str, int], Path]:
    """Finds the lists of swaps in a folder and its subfolders.

    Args:
      folder: the folder.

    Returns:
      The path of each list, by the name of the set ("swap", "swap_close" or "swap_far") and the
      number of the copy, from 0.

    Raises:
      UserError: there is no list, or two files are the same list.
    """
    check_folder("--lists", folder)
    lists: dict[tuple[str, int], Path] = {}
    for path in sorted(folder.rglob("actionswap_*.pickle")):
        match = _LIST.fullmatch(path.name)
        if not match:
            continue
        key = (_KINDS[match[1]], int(match[2]) - 1)
        if key in lists:
            raise UserError(
                f"{lists[key]} and {path} are both the list {path.stem}; give --lists the folder "
                "of one data set"
            )
        lists[key] = path

    if not lists:
        raise UserError(
            f"--lists {folder} holds no list of HAT, such as actionswap_rand_1.pickle; give the "
            "folder data of its repository"
        )
    return lists


def read_list(path: Path) -> Swaps:
    """Reads a list of swaps without running any code in it.

    Args:
      path: a pickle of `{"<class>/<person>": ["<class>/<scene>", frames, class number]}`.

    Raises:
      UserError: the file has other contents.
    """
    content = inert_pickle.read(path)
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path} is not a list of HAT, a dict of swaps; download it again")

    swaps = {}
    for person, swap in content.items():
        is_swap = isinstance(swap, list) and len(swap) == 3 and isinstance(swap[0], str)
        if not isinstance(person, str) or not is_swap:
            raise UserError(
                f"{path} is not a list of HAT, because the swap of {str(person)[:50]!r} is not a "
                "video, its number of frames and its class; download it again"
            )
        swaps[_name(person)] = _name(swap[0])
    return swaps


def _name(path: str) -> str:
    """Returns the name of a video without the folder of its class."""
    return path.rpartition("/")[2]


def _look(root: Path) -> dict[str, Path]:
    """Returns the folders of `FOLDERS` that exist."""
    folders = {}
    for what, names in FOLDERS.items():
        for name in names:
            if (root / name).is_dir():
                folders.setdefault(what, root / name)
    return folders


def _has_pictures(folder: str) -> bool:
    """Returns whether a folder holds pictures, judged by its first entry that tells."""
    with os.scandir(folder) as scan:
        for entry in scan:
            if not entry.name.startswith("."):
                return suffix(entry.name) in IMAGE_SUFFIXES and not is_folder(entry)
    return False
