"""Declares published data sets, reads their lists, and finds the listed videos on disk."""

import dataclasses
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.data.labels import some
from albar_jax.data.prepare.disk import Folder, nearby
from albar_jax.data.suffixes import ALL_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.files import read_text
from albar_jax.storage import class_names
from albar_jax.storage.csv_files import read_table, whole

_ARCHIVES = {".rar", ".zip", ".tar", ".gz", ".tgz", ".7z"}

# Maps a listed path to the path on disk, or None if there is no such video.
Find = Callable[[str], str | None]


@dataclasses.dataclass(frozen=True)
class Item:
    """A video of a data set: a row of its manifest.

    Attributes:
      path: path as listed; after `locate`, the path on disk.
      label: name of the class, or its number where classes have no names.
      split: "train", "val" or "test".
      id: names the video across manifests.
      group: names the source of the clip; see `groups`.
    """

    path: str
    label: str
    split: str
    id: str
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Listing:
    """The contents of a data set on disk.

    Attributes:
      items: the videos that exist, with their paths on disk.
      classes: class names in the order of their numbers; "0", "1", ... where there are no names.
      missing: listed videos that do not exist, with their listed paths.
      notes: sentences for the user.
      published: number of videos in each split of the complete data set, where known.
      stills: path of the still image of each video, by id, if the data set has such images.
      unlisted: paths of videos on disk that the data set does not list.
      tables: further files of the data set, by name. Each function returns the text of a file,
        given the ids in the manifest.
    """

    items: Sequence[Item]
    classes: Sequence[str]
    missing: Sequence[Item] = ()
    notes: Sequence[str] = ()
    published: Mapping[str, int] = dataclasses.field(default_factory=dict)
    stills: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unlisted: Sequence[str] = ()
    tables: Mapping[str, Callable[[Collection[str]], str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A published data set: its reader, and the files and config that belong to it.

    Attributes:
      title: name of the data set.
      read: reads the folder of videos, given the options as keyword arguments. Returns a Listing,
        or for a benchmark several Listings by task. The task "manifest" is the data set itself and
        comes last. Raises UserError.
      options: the reader's flags, each with the arguments of `add_argument`. The flag
        `--test-fraction` is the argument `test_fraction` of `read`.
      config: name of the config in `configs` that trains on it.
      manifest: name of the manifest; not manifest.csv for a test set of another data set.
      num_classes: number of classes of the complete data set.
      may_lack_videos: whether some of the listed videos are no longer available.
      folder: name of the folder in `data` to write to; "" for the name of the config.
      command: the command that uses the manifest, with {manifest} for its path; "" trains or
        evaluates with the config.
      has_several_folders: whether the videos are in several folders. `read` then gets a list.
    """

    title: str
    read: Callable[..., Listing | Mapping[str, Listing]]
    options: Mapping[str, Mapping[str, Any]]
    config: str = "custom"
    manifest: str = "manifest.csv"
    num_classes: int | None = None
    may_lack_videos: bool = False
    folder: str = ""
    command: str = ""
    has_several_folders: bool = False


def exact_finder(videos: Path) -> Find:
    """Returns a function that finds files by their exact listed paths in a folder."""
    return Folder(videos).find


def locate(
    items: Iterable[Item], videos: Path, finder: Callable[[Path], Find] = exact_finder
) -> tuple[list[Item], list[Item]]:
    """Finds listed videos on disk.

    Args:
      items: the listed videos.
      videos: folder of the videos.
      finder: makes the function that finds videos in a folder.

    Returns:
      existing: the items that exist, with their paths on disk.
      missing: the items that do not exist, with their listed paths.

    Raises:
      UserError: nothing is listed, or no video exists. The message names a nearby folder that has
        the videos, if there is one.
    """
    check_folder("--videos", videos)
    find = finder(videos)
    existing: list[Item] = []
    missing: list[Item] = []
    for item in items:
        path = find(item.path)
        if path is None:
            missing.append(item)
        else:
            existing.append(dataclasses.replace(item, path=path))

    if not existing:
        _refuse_missing(missing, videos, finder)
    return existing, missing


def check_folder(flag: str, path: Path) -> None:
    """Raises UserError for a path that is not a folder.

    Args:
      flag: the flag that names the path, for the message.
      path: the path.
    """
    if not path.is_dir():
        fault = "is not a folder" if path.exists() else "does not exist"
        raise UserError(f"{flag} {path} {fault}")


def list_folder(flag: str, path: Path, name: str, holds: Callable[[Path], bool], what: str) -> Path:
    """Returns the folder that holds the lists of a data set: the given one or a subfolder.

    Args:
      flag: the flag that names the folder, for the message.
      path: the given folder.
      name: published name of the folder of lists.
      holds: returns whether a folder holds the lists.
      what: names of the lists, for the message.

    Raises:
      UserError: neither holds the lists. The message names a nearby folder that does, if there is
        one.
    """
    check_folder(flag, path)
    for folder in (path, path / name):
        if holds(folder):
            return folder

    # Users often give the folder above, or one next to the right one.
    right = next(filter(holds, nearby(path)), None)
    remedy = f"did you mean {right}?" if right else f"give {name}"
    raise UserError(f"{flag} {path} holds no {what}; {remedy}")


def read_lines(path: Path) -> list[tuple[str, str]]:
    """Reads the lines of a text file that are not blank.

    Returns:
      Pairs of a line's name for error messages, "line 3 of FILE", and its text without blanks at
      the ends.
    """
    numbered = []
    # splitlines() would also split at U+2028 and similar characters.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            numbered.append((f"line {number} of {path}", line.strip()))
    return numbered


def read_csv(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Reads a CSV file.

    Returns:
      Pairs of a row's name for error messages and its fields by column.
    """
    table = read_table(path)
    return [(table.where(number), row) for number, row in enumerate(table.rows)]


def path_and_label(where: str, line: str) -> tuple[str, str]:
    """Splits a line of a list at its last blank.

    Args:
      where: name of the line for the message.
      line: the line, `path label`.

    Raises:
      UserError: the line has no blank.
    """
    # Paths may contain blanks, labels do not.
    path, *label = line.rsplit(None, 1)
    if not label:
        raise UserError(f"{where} is {line!r}, not a path and a label")
    return path, label[0]


def read_classes(path: Path) -> list[str]:
    """Reads a list of class names in the order of their numbers; see `class_names`.

    Raises:
      UserError: the file does not exist, is empty or is malformed.
    """
    names = class_names.read_class_list(path).names
    if not names:
        raise UserError(f"{path} {'names no classes' if path.exists() else 'does not exist'}")
    return list(names)


def class_number(text: str, where: str, limit: int | None = None) -> int:
    """Parses a class number, counted from 0.

    Args:
      text: the text of the number.
      where: name of the line for the message.
      limit: number of classes; None if unknown.

    Raises:
      UserError: the text is not a class number.
    """
    value = whole(text)
    if value is None or value < 0:
        raise UserError(f"{where} has the label {text!r}, which is not a class number")
    if limit is not None and value >= limit:
        raise UserError(
            f"{where} has the label {text}, but the {limit} classes are numbered 0 to {limit - 1}"
        )
    return value


def numbered_classes(items: Iterable[Item]) -> list[str]:
    """Returns the classes "0" to the largest of numeric labels.

    Raises:
      UserError: a number is implausibly large.
    """
    video_of = {int(item.label): item.path for item in items}
    # A stray number would create millions of empty classes.
    count = class_names.count_classes(video_of, lambda label: f"the video {video_of[label]}")
    return [str(number) for number in range(count)]


def labels_of(items: Iterable[Item]) -> set[str]:
    """Returns the labels that occur in some items."""
    return {item.label for item in items}


def stem(path: str) -> str:
    """Returns a listed path without the suffix of a video, frame archive or image."""
    if suffix(path) not in ALL_SUFFIXES:
        return path
    return os.path.splitext(path)[0]


def _refuse_missing(missing: Sequence[Item], videos: Path, finder: Callable[[Path], Find]) -> None:
    """Raises UserError for lists without any video on disk, and suggests another folder."""
    if not missing:
        raise UserError("the lists name no videos; are these the right ones?")

    # A few from all over the list, because the first one may be missing for its own reasons.
    examples = [item.path for item in missing[:: max(1, len(missing) // 10)]]
    remedy = _contents(videos)
    for folder in nearby(videos):
        if any(map(finder(folder), examples)):
            remedy = f"did you mean {folder}?"
            break
    raise UserError(
        f"none of the {len(missing)} listed videos is under --videos {videos}, {missing[0].path} "
        f"first; {remedy}"
    )


def _contents(folder: Path) -> str:
    """Describes the contents of a folder that should hold videos."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    archives = [name for name in names if suffix(name) in _ARCHIVES]
    if archives:
        return f"it holds archives, {archives[0]} first, which must be unpacked"
    if not names:
        return "it holds nothing"
    return f"it holds {some(names, 3)}"
