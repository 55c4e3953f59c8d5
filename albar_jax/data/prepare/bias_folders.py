"""Finds released bias sets, their clips and their lists on disk; see `bias`."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from albar_jax.data.prepare.base import check_folder, class_number, read_lines, stem
from albar_jax.data.prepare.disk import entries, is_folder, nearby
from albar_jax.data.suffixes import VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError

_ALBAR = re.compile(
    r"(?P<dataset>.+)_(?P<kind>scuba|scufo|conflfg)_(?P<background>places365|vqgan|stripe)"
)
_STILLMIX = re.compile(
    r"(?P<kind>replacebackground_with_(mask|box|segmentation_and_saliency)(?P<static>_static)?"
    r"|mix_dynamic_static_same_bg)"
    r"_for_((?P<dataset>hmdb51|ucf101)_)?test_(?P<background>place365|vqgan|stripe)"
)
# StillMix cuts out UCF101's actors along boxes, and does not name Kinetics.
_DATASETS = {"hmdb51": "hmdb51", "ucf101": "ucf101_boxes", None: "kinetics400"}
# Confl-FG has two lists. The first has the class of the moving foreground, which is the label. The
# other one has the class of the still foreground.
_LISTS = ("dynamic_testlist01.txt", "testlist01.txt", "val.txt")
_COPY = re.compile(r"__[0-9]+$")
_CLIP_SUFFIXES = VIDEO_SUFFIXES | {".zip", ".jpg", ".png"}
# Maximum number of folders between --videos and a set.
_DEPTH = 4


def task_of(folder: str) -> str | None:
    """Returns the task of a released folder, for example "hmdb51_scuba_places365".

    Args:
      folder: name of the folder, as ALBAR or StillMix released it; case does not matter.

    Returns:
      The name of the task, or None if the folder is not a bias set.
    """
    name = folder.lower()
    if match := _ALBAR.fullmatch(name):
        # ALBAR abbreviates Kinetics-400 in its names.
        dataset = re.sub(r"^k400$", "kinetics400", match["dataset"])
        return f"{dataset}_{match['kind']}_{match['background']}"

    if match := _STILLMIX.fullmatch(name):
        if match["kind"].startswith("mix"):
            kind = "conflfg"
        elif match["static"]:
            kind = "scufo"
        else:
            kind = "scuba"
        background = match["background"].replace("place365", "places365")
        return f"{_DATASETS[match['dataset']]}_{kind}_{background}"

    return None


def find_sets(flag: str, root: Path) -> dict[str, Path]:
    """Finds the folders of bias sets in a folder and its subfolders.

    Args:
      flag: the flag that names the folder, for the message.
      root: the folder.

    Returns:
      The folder of each set, by task.

    Raises:
      UserError: there is no set, or two folders are the same set.
    """
    check_folder(flag, root)

    sets: dict[str, Path] = {}
    # The folder itself may be a set, and its name must be known.
    for task, folder in _walk(root.absolute(), _DEPTH):
        if task in sets:
            raise UserError(
                f"{sets[task]} and {folder} are both {task}; give {flag} a folder with one of them"
            )
        sets[task] = folder
    if sets:
        return sets

    remedy = "unpack the archives and keep the names of their folders"
    for folder in nearby(root):
        if any(_walk(folder, 1)):
            remedy = f"did you mean {folder}?"
            break
    raise UserError(
        f"{flag} {root} holds no folder named as in a release, HMDB51_SCUBA_Places365 or "
        f"replacebackground_with_mask_for_HMDB51_test_place365; {remedy}"
    )


def find_lists(splits: Path) -> dict[str, Path]:
    """Finds StillMix's lists.

    Args:
      splits: folder with a subfolder for each set, named as the sets.

    Returns:
      The list of each task.

    Raises:
      UserError: there is no such folder, or a folder has no list.
    """
    lists = {}
    for task, folder in find_sets("--splits", splits).items():
        files = [file for name in _LISTS for file in sorted(folder.rglob(name))]
        if not files:
            raise UserError(f"{folder} holds none of the lists {', '.join(_LISTS)}")
        lists[task] = files[0]

    # A still has the name of its clip, so sets of stills have no lists.
    for task, file in list(lists.items()):
        lists.setdefault(task.replace("_scuba_", "_scufo_"), file)
    return lists


def read_list(file: Path, classes: Sequence[str]) -> dict[str, str]:
    """Reads a list of StillMix, `<path of a clip> <frames> <class number>` in each line.

    Args:
      file: path of the list.
      classes: class names in the order of their numbers.

    Returns:
      The class of each clip, by the clip's name.

    Raises:
      UserError: a line is malformed.
    """
    labels = {}
    for where, line in read_lines(file):
        path, *numbers = line.rsplit(None, 2)
        if len(numbers) < 2:
            raise UserError(
                f"{where} is {line!r}, not a clip, its number of frames and its class number"
            )
        # The number of frames in the middle is not needed.
        number = class_number(numbers[1], where, len(classes))
        labels[PurePosixPath(path).name] = classes[number]
    return labels


def find_clips(folder: Path) -> dict[str, str]:
    """Finds the clips of a set: archives, stills, videos, and folders of frames named `__<k>`.

    Args:
      folder: folder of the set.

    Returns:
      The path of each clip, by its name without suffix.

    Raises:
      UserError: two files are the same clip.
    """
    clips: dict[str, str] = {}
    for entry in _entries(folder):
        if is_folder(entry) and not _COPY.search(entry.name):
            new_clips = find_clips(Path(entry.path))
        elif is_folder(entry) or suffix(entry.name) in _CLIP_SUFFIXES:
            # The file may be <video>__<k>.mp4.zip.
            new_clips = {stem(stem(entry.name)): entry.path}
        else:
            continue

        if repeated := sorted(set(clips) & set(new_clips)):
            name = repeated[0]
            raise UserError(
                f"{clips[name]} and {new_clips[name]} are the same clip; keep one of them"
            )
        clips |= new_clips
    return clips


def split_name(name: str) -> tuple[str, str]:
    """Splits the name of a clip into the name of its video and the rest, `__<k>` or ""."""
    copy = _COPY.search(name)
    if not copy:
        return name, ""
    return name[: copy.start()], copy.group()


def _walk(folder: Path, depth: int) -> Iterator[tuple[str, Path]]:
    """Yields task and folder of each set at or below a folder, without looking into clips."""
    if task := task_of(folder.name):
        yield task, folder
    elif depth and not _COPY.search(folder.name):
        for entry in _entries(folder):
            if is_folder(entry):
                yield from _walk(Path(entry.path), depth - 1)


def _entries(folder: str | os.PathLike) -> list[os.DirEntry]:
    """Returns the entries of a folder, without the metadata that macOS adds to archives."""
    return [entry for entry in entries(folder) if not entry.name.startswith("__MACOSX")]
