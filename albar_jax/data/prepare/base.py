"""What every published layout has in common: how it is declared, and how its listed videos are found on disk."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from albar_jax.errors import UserError

VIDEO_SUFFIXES = {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"}
_ARCHIVES = {".rar", ".zip", ".tar", ".gz", ".tgz", ".7z"}
_LOOKED_INTO = 200  # folders near a wrong one, in search of the right one


@dataclasses.dataclass(frozen=True)
class Item:
    """A video of a data set: a row of the manifest to be. The path is the list's own until `locate` has found it."""

    path: str
    label: str
    split: str
    id: str


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a layout finds.

    Attributes:
      items: the videos that are there, with their paths on disk.
      classes: names in the order of their numbers; "0", "1", ... where there are no names.
      missing: videos that the lists name and that are not there, with the lists' paths.
      notes: sentences for the user.
      published: how many videos each split has where the data set is complete.
    """

    items: Sequence[Item]
    classes: Sequence[str]
    missing: Sequence[Item] = ()
    notes: Sequence[str] = ()
    published: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Layout:
    """A published layout.

    Attributes:
      title: the data set's name.
      read: makes the Listing from the folder of videos and the options, or a benchmark's Listings, each by the name of
        its task; raises UserError.
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


class Folder:
    """Finds files by listing each directory once: on a mounted bucket, asking for one file after the other is slow.

    With `same=str.casefold`, names that differ in case only are the same; an exact match goes first.
    """

    def __init__(self, root: Path, same: Callable[[str], str] = str):
        self.root = root
        self._same = same
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, relative: str) -> str | None:
        """Returns the path of what is at `relative` (with slashes) under the folder, or None."""
        *parents, name = PurePosixPath(relative).parts
        folders = [str(self.root)]
        for parent in parents:
            folders = [found for folder in folders for found in self._look(folder, parent)]
        return next((found for folder in folders for found in self._look(folder, name)), None)

    def _look(self, folder: str, name: str) -> list[str]:
        if os.path.isabs(name):
            return [name]
        if folder not in self._names:
            self._names[folder] = self._list(folder)
        names = self._names[folder].get(self._same(name), [])
        return [os.path.join(folder, found) for found in sorted(names, key=lambda found: found != name)]

    def _list(self, folder: str) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        try:
            for name in os.listdir(folder):
                names.setdefault(self._same(name), []).append(name)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return names


def exactly(videos: Path) -> Callable[[str], str | None]:
    """Makes a function from a listed path to the path on disk, or None: the file of that very name."""
    return Folder(videos).find


def locate(
    items: Iterable[Item], videos: Path, find: Callable[[Path], Callable[[str], str | None]] = exactly
) -> tuple[list[Item], list[Item]]:
    """Returns the items that are there, with their paths on disk, and those that are missing.

    `find` is `exactly` or its like. Raises UserError where nothing is found: the folder is wrong, and the right one may
    be near.
    """
    check_folder("--videos", videos)
    there, missing, found_in = [], [], find(videos)
    for item in items:
        path = found_in(item.path)
        (missing if path is None else there).append(dataclasses.replace(item, path=path or item.path))
    if there:
        return there, missing
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
    raise UserError(f"{flag} {path} holds no {what}; " + (f"did you mean {right}?" if right else f"give {name}"))


def nearby(folder: Path) -> Iterator[Path]:
    """Yields the folders below, the one above and its others, then those two levels below: not too many of them."""

    def below(parent: Path) -> list[Path]:
        with os.scandir(parent) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))

    parent, children = folder.absolute().parent, below(folder)
    lazily = (path for start in (parent, *children) for path in below(start))
    return itertools.islice(itertools.chain(children, [parent], lazily), _LOOKED_INTO)


def read_lines(path: Path) -> list[tuple[str, str]]:
    """Returns the lines that are not blank, each after what to call it in an error: "line 3 of FILE"."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file in UTF-8"
        raise UserError(f"cannot read {path}: {reason}") from error
    lines = enumerate(text.splitlines(), start=1)
    return [(f"line {number} of {path}", line.strip()) for number, line in lines if line.strip()]


def read_classes(path: Path) -> list[str]:
    """Returns class names, one a line, with or without their numbers from 0 or 1 before them."""
    names = [line for _, line in read_lines(path)]
    numbered = [line.split(None, 1) for line in names]
    for first in (0, 1):
        numbers = [str(number) for number in range(first, first + len(names))]
        if all(len(words) == 2 for words in numbered) and [words[0] for words in numbered] == numbers:
            names = [name for _, name in numbered]
            break
    if len(set(names)) < len(names):
        raise UserError(f"{path} lists the class {next(n for n in names if names.count(n) > 1)!r} twice")
    return names


def number(text: str, where: str, limit: int | None = None) -> int:
    """Returns a class number, counted from 0; raises UserError for anything else, or one past `limit` classes."""
    if not (text.isascii() and text.isdecimal()):
        raise UserError(f"{where} has the label {text!r}, which is no class number")
    if limit is not None and int(text) >= limit:
        raise UserError(f"{where} has the label {text}, but the {limit} classes are numbered 0 to {limit - 1}")
    return int(text)


def stem(path: str) -> str:
    """Returns a listed path without the suffix of a video, frame archive or picture."""
    root, suffix = os.path.splitext(path)
    return root if suffix.lower() in VIDEO_SUFFIXES | {".zip", ".jpg", ".jpeg", ".png"} else path


def number_repeats(items: Iterable[Item]) -> tuple[list[Item], int]:
    """Gives every item an id of its own: a repeated one gets "#2", "#3", ...; also returns how many these are."""
    seen: dict[str, int] = {}
    renamed = []
    for item in items:
        count = seen[item.id] = seen.get(item.id, 0) + 1
        renamed.append(item if count == 1 else dataclasses.replace(item, id=f"{item.id}#{count}"))
    return renamed, len(renamed) - len(seen)


def _held(folder: Path) -> str:
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    archives = [name for name in names if os.path.splitext(name)[1].lower() in _ARCHIVES]
    if archives:
        return f"it holds archives, {archives[0]} first, which must be unpacked"
    return f"it holds {', '.join(names[:3]) + (', ...' if len(names) > 3 else '') or 'nothing'}"
