"""What every published layout has in common: how it is declared, and how its listed videos are found on disk."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.data.prepare.disk import Folder, nearby
from albar_jax.data.suffixes import ARCHIVE_SUFFIX, IMAGE_SUFFIXES, VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.files import composed, read_text
from albar_jax.storage import class_names
from albar_jax.storage.csv_files import read_table, whole

_ARCHIVES = {".rar", ".zip", ".tar", ".gz", ".tgz", ".7z"}


@dataclasses.dataclass(frozen=True)
class Item:
    """A video of a data set: a row of the manifest to be.

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
    """What a layout finds.

    Attributes:
      items: the videos that are there, with their paths on disk.
      classes: names in the order of their numbers; "0", "1", ... where there are no names.
      missing: videos that the lists name and that are not there, with the lists' paths.
      notes: sentences for the user.
      published: how many videos each split has where the data set is complete.
      stills: paths of the pictures that go along with the videos, by their ids, where there are any.
    """

    items: Sequence[Item]
    classes: Sequence[str]
    missing: Sequence[Item] = ()
    notes: Sequence[str] = ()
    published: Mapping[str, int] = dataclasses.field(default_factory=dict)
    stills: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Layout:
    """A published layout.

    Attributes:
      title: the data set's name.
      read: makes the Listing from the folder of videos and the options, or a benchmark's Listings, each by the name of
        its task ("manifest" is the data set itself, and comes last); raises UserError.
      options: its flags, and for each the arguments of `add_argument`; `--test-fraction` is `test_fraction` of `read`.
      config: the configs/<config>.py that trains on it.
      manifest: the file to write; not manifest.csv for a test set that belongs to another data set.
      num_classes: of the complete data set.
      may_lack_videos: True where some of the listed videos can no longer be had.
    """

    title: str
    read: Callable[..., Listing | Mapping[str, Listing]]
    options: Mapping[str, Mapping[str, Any]]
    config: str = "custom"
    manifest: str = "manifest.csv"
    num_classes: int | None = None
    may_lack_videos: bool = False


def exactly(videos: Path) -> Callable[[str], str | None]:
    """Makes a function from a listed path to the path on disk, or None: the file of that very name."""
    return Folder(videos).find


def locate(
    items: Iterable[Item],
    videos: Path,
    find: Callable[[Path], Callable[[str], str | None]] = exactly,
) -> tuple[list[Item], list[Item]]:
    """Returns the items that are there, with their paths on disk, and those that are missing.

    `find` is `exactly` or its like. Raises UserError where nothing is listed, or nothing found: the folder is wrong,
    and the right one may be near.
    """
    check_folder("--videos", videos)
    there, missing, found_in = [], [], find(videos)
    for item in items:
        path = found_in(item.path)
        (missing if path is None else there).append(
            dataclasses.replace(item, path=path or item.path)
        )
    if there:
        return there, missing
    if not missing:
        raise UserError("the lists name no videos; are these the right ones?")
    # A few from all over the list: the first may be missing for its own reasons.
    examples = [item.path for item in missing[:: max(1, len(missing) // 10)]]
    right = next((near for near in nearby(videos) if any(map(find(near), examples))), None)
    raise UserError(
        f"none of the {len(missing)} listed videos is under --videos {videos}, {missing[0].path} first; "
        + (f"did you mean {right}?" if right else _held(videos))
    )


def check_folder(flag: str, path: Path) -> None:
    """Raises UserError for a path that is no folder."""
    if not path.is_dir():
        raise UserError(f"{flag} {path} is {'not a folder' if path.exists() else 'not there'}")


def list_folder(flag: str, path: Path, name: str, holds: Callable[[Path], bool], what: str) -> Path:
    """Returns the folder that `holds` the lists: `path` or its subfolder `name`; raises UserError, naming another."""
    check_folder(flag, path)
    for folder in (path, path / name):
        if holds(folder):
            return folder
    right = next(filter(holds, nearby(path)), None)
    raise UserError(
        f"{flag} {path} holds no {what}; " + (f"did you mean {right}?" if right else f"give {name}")
    )


def read_lines(path: Path) -> list[tuple[str, str]]:
    """Returns the lines that are not blank, each after what to call it in an error: "line 3 of FILE"."""
    # splitlines() would also split at U+2028 and similar characters.
    lines = enumerate(read_text(path).split("\n"), start=1)
    return [(f"line {number} of {path}", line.strip()) for number, line in lines if line.strip()]


def read_csv(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Returns (name in error messages, fields by column) for each row."""
    table = read_table(path)
    return [(table.where(number), row) for number, row in enumerate(table.rows)]


def path_and_label(where: str, line: str) -> tuple[str, str]:
    """Splits a line of a list at its last blank; raises UserError for one without."""
    path, *label = line.rsplit(None, 1)
    if not label:
        raise UserError(f"{where} is {line!r}, not a path and a label")
    return path, label[0]


def read_classes(path: Path) -> list[str]:
    """Returns the class names of a list in the order of their numbers; see `class_names`."""
    names = class_names.read_class_list(path).names
    if not names:
        raise UserError(f"{path} {'names no classes' if path.exists() else 'is not there'}")
    return list(names)


def number(text: str, where: str, limit: int | None = None) -> int:
    """Returns a class number, counted from 0; raises UserError for anything else, or one past `limit` classes."""
    value = whole(text)
    if value is None or value < 0:
        raise UserError(f"{where} has the label {text!r}, which is no class number")
    if limit is not None and value >= limit:
        raise UserError(
            f"{where} has the label {text}, but the {limit} classes are numbered 0 to {limit - 1}"
        )
    return value


def numbers(items: Iterable[Item]) -> list[str]:
    """Returns the classes "0" to the largest of numeric labels.

    Raises UserError for a stray number.
    """
    video_of = {int(item.label): item.path for item in items}
    return list(
        map(
            str,
            range(
                class_names.count_classes(video_of, lambda label: f"the video {video_of[label]}")
            ),
        )
    )


def stem(path: str) -> str:
    """Returns a listed path without the suffix of a video, frame archive or picture."""
    known = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {ARCHIVE_SUFFIX}
    return os.path.splitext(path)[0] if suffix(path) in known else path


def number_repeats(items: Iterable[Item]) -> list[Item]:
    """Makes ids unique: a repeated id gets the first free suffix of "#2", "#3", ..."""
    # A manifest strips blanks at the ends of an id, such as the id of "run/a .mp4", and compares ids
    # in composed form.
    items = [dataclasses.replace(item, id=composed(item.id.strip())) for item in items]
    taken = {item.id for item in items}
    count: dict[str, int] = {}
    renamed = []
    for item in items:
        name = item.id
        while item.id in count and name in taken:
            count[item.id] += 1
            name = f"{item.id}#{count[item.id]}"
        count.setdefault(item.id, 1)
        taken.add(name)
        renamed.append(dataclasses.replace(item, id=name))
    return renamed


def _held(folder: Path) -> str:
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    archives = [name for name in names if suffix(name) in _ARCHIVES]
    if archives:
        return f"it holds archives, {archives[0]} first, which must be unpacked"
    return f"it holds {', '.join(names[:3]) + (', ...' if len(names) > 3 else '') or 'nothing'}"
