"""Finds videos by their names in folders and all their subfolders."""

import dataclasses
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from albar_jax.data.prepare.base import Item, check_folder
from albar_jax.data.prepare.disk import walk
from albar_jax.data.suffixes import VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.files import composed


class NamedVideos:
    """The videos in some folders, by name without suffix.

    Downloads come in several archives, and users unpack them into one folder or into many. The
    names are unique in the data set, so the folders do not matter.

    Args:
      folders: the folders that the flag names.
      flag: the flag, for messages.

    Raises:
      UserError: a folder does not exist.
    """

    def __init__(self, folders: Sequence[Path], flag: str = "--videos"):
        self._where = " or ".join(map(str, folders))
        self._flag = flag
        self._paths: dict[str, list[str]] = {}
        for folder in folders:
            check_folder(flag, folder)
            for entry in walk(folder, lambda entry: suffix(entry.name) in VIDEO_SUFFIXES):
                if suffix(entry.name) in VIDEO_SUFFIXES:
                    name = composed(os.path.splitext(entry.name)[0])
                    self._paths.setdefault(name, []).append(entry.path)

    def find(self, listed: str) -> str | None:
        """Finds a video.

        Args:
          listed: its path as listed, `class/name.mp4`. Of several videos of this name, one in a
            folder of the listed name is taken.

        Returns:
          The path on disk, or None if there is no such video.

        Raises:
          UserError: several videos have this name.
        """
        folder, name = os.path.split(listed)
        paths = self._paths.get(composed(os.path.splitext(name)[0]), [])
        fitting = [path for path in paths if Path(path).parent.name == folder] or paths
        if len(fitting) > 1:
            raise UserError(
                f"{fitting[0]} and {fitting[1]} have the name of one video; move one of them away"
            )
        return fitting[0] if fitting else None

    def locate(self, items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
        """Finds listed videos.

        Returns:
          The items that exist, with their paths on disk, and the items that do not, with their
          listed paths.

        Raises:
          UserError: none exists, or several videos have the name of one.
        """
        existing: list[Item] = []
        missing: list[Item] = []
        for item in items:
            path = self.find(item.path)
            if path is None:
                missing.append(item)
            else:
                existing.append(dataclasses.replace(item, path=path))

        if not existing:
            first = missing[0].path if missing else "none"
            raise UserError(
                f"none of the {len(missing)} listed videos, {first} first, is among the "
                f"{len(self._paths)} videos under {self._flag} {self._where}"
            )
        return existing, missing

    def others(self, names: Collection[str]) -> list[str]:
        """Returns the paths of the videos that have none of these names, sorted."""
        paths = []
        for name in self._paths.keys() - set(names):
            paths += self._paths[name]
        return sorted(paths)
