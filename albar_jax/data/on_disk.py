"""Finds files by the names that a list gives them.

Each folder is listed once, because many single look-ups on a mounted bucket take minutes. Names are
compared in Unicode's composed form, because a list may write é as one character and the disk as
two.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from albar_jax.data import records
from albar_jax.files import composed, list_names
from albar_jax.storage import access


class Spelling:
    """A cache of folder listings, for finding paths as they are spelled on the disk."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str]] = {}
        self._folders: dict[str, str | None] = {}

    def find(self, path: str) -> str | None:
        """Returns the path on the disk, or None if there is none.

        Raises:
          UserError: a folder may not be listed.
          StorageError: the system failed to list one.
        """
        # The root itself must not become "".
        path = path.rstrip(os.sep) or path
        folder, name = os.path.split(path)

        folder_on_disk = self._folder(folder)
        if folder_on_disk is None:
            return None

        names = self._names_in(folder_on_disk)
        name_on_disk = names.get(name) or names.get(composed(name))
        if name_on_disk is None:
            return None

        if (folder_on_disk, name_on_disk) == (folder, name):
            return path
        return os.path.join(folder_on_disk, name_on_disk)

    def _folder(self, folder: str) -> str | None:
        """Returns a folder as spelled on the disk, or None if there is none."""
        if folder not in self._folders:
            self._folders[folder] = self._find_folder(folder)
        return self._folders[folder]

    def _find_folder(self, folder: str) -> str | None:
        # `isdir` alone would take a failure of the system for a missing folder.
        exists = access.exists(folder or ".") and os.path.isdir(folder or ".")
        if exists:
            return folder

        # The root has no parent.
        if os.path.dirname(folder) == folder:
            return None
        return self.find(folder)

    def _names_in(self, folder: str) -> dict[str, str]:
        """Maps the names in a folder, and their composed forms, to names on the disk."""
        if folder not in self._names:
            names = access.patiently(lambda: list_names(folder or "."), folder or ".")
            by_form = {composed(name): name for name in names}
            # An exact name takes precedence over a composed form.
            for name in names:
                by_form[name] = name
            self._names[folder] = by_form

        return self._names[folder]


def path_on_disk(path: Path) -> Path:
    """Returns a path as spelled on the disk, or unchanged if it does not exist."""
    if access.exists(path):
        return path
    return Path(Spelling().find(str(path)) or path)


def paths_on_disk(paths: Iterable[str]) -> list[str | None]:
    """Returns the paths of videos, pictures and records as spelled on the disk, None if missing."""
    spelling = Spelling()

    spelled: list[str | None] = []
    for path in paths:
        if records.is_record(path):
            spelled.append(path if records.exists(path) else None)
        else:
            spelled.append(spelling.find(path))

    return spelled
