"""Finds files by their names in lists.

Each folder is listed once, because single look-ups on a mounted bucket take minutes. Names are
compared in Unicode's composed form, because a list may write é as one letter and the disk as two.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from albar_jax.data import records
from albar_jax.files import composed, list_names
from albar_jax.storage import access


class Spelling:
    """A cache of folder listings that finds how paths are spelled on the disk."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str]] = {}
        self._folders: dict[str, str | None] = {}

    def find(self, path: str) -> str | None:
        """Returns the path on the disk, or None if there is none.

        Raises:
          UserError: a folder may not be listed.
          StorageError: the system failed to list one.
        """
        path = path.rstrip(os.sep) or path
        folder, name = os.path.split(path)
        found = self._folder(folder)
        if found is None:
            return None
        names = self._listed(found)
        spelled = names.get(name) or names.get(composed(name))
        if spelled is None:
            return None

        return path if (found, spelled) == (folder, name) else os.path.join(found, spelled)

    def _folder(self, folder: str) -> str | None:
        if folder not in self._folders:
            # `isdir` alone would take a fault of the system for a folder that is not there.
            is_there = access.exists(folder or ".") and os.path.isdir(folder or ".")
            self._folders[folder] = folder if is_there else self._find_folder(folder)
        return self._folders[folder]

    def _find_folder(self, folder: str) -> str | None:
        above = os.path.dirname(folder)
        return self.find(folder) if above != folder else None

    def _listed(self, folder: str) -> dict[str, str]:
        """Maps the names in a folder, and their composed forms, to names on the disk."""
        if folder not in self._names:
            names = access.patiently(lambda: list_names(folder or "."), folder or ".")
            self._names[folder] = {composed(name): name for name in names} | {
                name: name for name in names
            }
        return self._names[folder]


def as_spelled(path: Path) -> Path:
    """Returns the path as spelled on the disk, or unchanged if it does not exist."""
    return path if access.exists(path) else Path(Spelling().find(str(path)) or path)


def spelled(paths: Iterable[str]) -> list[str | None]:
    """Returns the paths of videos, pictures and records as spelled on the disk, None if missing."""
    spelling = Spelling()
    return [
        _spelled_record(path) if records.is_record(path) else spelling.find(path) for path in paths
    ]


def _spelled_record(path: str) -> str | None:
    return path if records.exists(path) else None
