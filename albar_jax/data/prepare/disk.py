"""Lists folders and finds files in and around them.

Each folder is listed once: on a mounted bucket a query for each file would be slow.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from albar_jax.files import composed, list_names
from albar_jax.storage import access

# Folders near a wrong one that are searched for the right one.
_MOST_NEARBY = 200


class Folder:
    """A folder in which files are found by listing each directory once.

    Names that differ only in Unicode composition are always equal.
    """

    def __init__(self, root: Path, same: Callable[[str], str] = str):
        """Creates the folder.

        Args:
          root: path of the folder.
          same: maps names that are equal to the same text. With `str.casefold` names are compared
            without case; an exact match takes precedence.
        """
        self.root = root
        self._same = lambda name: same(composed(name))
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, relative: str) -> str | None:
        """Finds a file.

        Args:
          relative: path in the folder, with slashes.

        Returns:
          The path on disk, or None if it does not exist.
        """
        parts = PurePosixPath(relative).parts
        if not parts:
            return None

        # Several folders may have the same name without case, so all candidates are followed.
        paths = [str(self.root)]
        for part in parts:
            paths = [path for folder in paths for path in self._look(folder, part)]
        return next(iter(paths), None)

    def _look(self, folder: str, name: str) -> list[str]:
        """Returns the paths in a folder that have this name, an exact match first."""
        if os.path.isabs(name):
            return [name]
        # No listing contains "..".
        if name == os.pardir:
            return [os.path.join(folder, name)]

        if folder not in self._names:
            self._names[folder] = self._list(folder)
        names = self._names[folder].get(self._same(name), [])
        exact_first = sorted(names, key=lambda other: other != name)
        return [os.path.join(folder, other) for other in exact_first]

    def _list(self, folder: str) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name in list_names(folder):
            names.setdefault(self._same(name), []).append(name)
        return names


def entries(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    """Returns the entries of a folder that are not hidden, sorted by name."""
    with os.scandir(folder) as scan:
        visible = [entry for entry in scan if not entry.name.startswith(".")]
    return sorted(visible, key=lambda entry: entry.name)


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
    """Yields the files in a folder and its subfolders, sorted by name.

    Links are followed, except to a folder in which the walk already is.

    Args:
      folder: the folder.
      is_whole: returns whether a subfolder is yielded itself, instead of its files.
      above: real paths of folders that links must not lead to.
    """
    above |= {os.path.realpath(folder)}
    for entry in entries(folder):
        # A folder of frames, for example, is one video.
        if not is_folder(entry) or is_whole(entry):
            yield entry
        elif os.path.realpath(entry.path) not in above:
            yield from walk(entry.path, is_whole, above)


def nearby(folder: Path) -> Iterator[Path]:
    """Yields folders near a folder, at most 200.

    The order is: its subfolders, its parent, the parent's subfolders, and the subfolders of its
    subfolders.
    """
    parent = folder.absolute().parent
    children = _subfolders(folder)
    # Lazily: the first folders are often enough.
    farther = (path for start in (parent, *children) for path in _subfolders(start))
    return itertools.islice(itertools.chain(children, [parent], farther), _MOST_NEARBY)


def _subfolders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in entries(folder) if is_folder(entry)]
