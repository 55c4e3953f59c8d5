"""What lies in and around a folder, each folder listed once: on a mounted bucket, asking for each file is slow."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from albar_jax.files import composed, list_names
from albar_jax.storage import access

_LOOKED_INTO = 200  # folders near a wrong one, in search of the right one


class Folder:
    """Finds files by listing each directory once.

    With `same=str.casefold`, names are compared without case; an exact match takes precedence.
    Names that differ only in Unicode composition are always equal.
    """

    def __init__(self, root: Path, same: Callable[[str], str] = str):
        self.root = root
        self._same = lambda name: same(composed(name))
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, relative: str) -> str | None:
        """Returns the path of what is at `relative` (with slashes) under the folder, or None."""
        parts = PurePosixPath(relative).parts
        found = [str(self.root)] if parts else []
        for part in parts:
            found = [path for folder in found for path in self._look(folder, part)]
        return next(iter(found), None)

    def _look(self, folder: str, name: str) -> list[str]:
        if os.path.isabs(name):
            return [name]
        if name == os.pardir:  # which no listing has
            return [os.path.join(folder, name)]
        if folder not in self._names:
            self._names[folder] = self._list(folder)
        names = self._names[folder].get(self._same(name), [])
        return [
            os.path.join(folder, found) for found in sorted(names, key=lambda found: found != name)
        ]

    def _list(self, folder: str) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in list_names(folder):
            names.setdefault(self._same(name), []).append(name)
        return names


def entries(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    """Returns what is in a folder, in the order of the names, without what is hidden."""
    with os.scandir(folder) as found:
        return sorted(
            (entry for entry in found if not entry.name.startswith(".")),
            key=lambda entry: entry.name,
        )


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Returns whether an entry is a folder; False for a link loop.

    Raises:
      OSError: the system failed to read the entry.
    """
    try:
        return entry.is_dir()
    except OSError as error:
        if access.is_system_fault(error):
            raise
        return False


def walk(
    folder: str | os.PathLike[str],
    is_whole: Callable[[os.DirEntry[str]], bool],
    above: frozenset[str] = frozenset(),
) -> Iterator[os.DirEntry[str]]:
    """Yields all files in a folder and below it in the order of their names, and folders that are whole as they are.

    Links are followed wherever they lead but to one of the folders `above`.
    """
    above |= {os.path.realpath(folder)}
    for entry in entries(folder):
        if not is_folder(entry) or is_whole(entry):
            yield entry
        elif os.path.realpath(entry.path) not in above:
            yield from walk(entry.path, is_whole, above)


def nearby(folder: Path) -> Iterator[Path]:
    """Yields the folders below, the one above and its others, then those two levels below: not too many of them."""

    def below(parent: Path) -> list[Path]:
        return [Path(entry.path) for entry in entries(parent) if is_folder(entry)]

    parent, children = folder.absolute().parent, below(folder)
    lazily = (path for start in (parent, *children) for path in below(start))
    return itertools.islice(itertools.chain(children, [parent], lazily), _LOOKED_INTO)
