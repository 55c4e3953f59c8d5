"""Finds paths of the same file, despite "./", "..", links and Unicode forms."""

import os
from collections.abc import Hashable, Iterable, Sequence

from albar_jax.data import records
from albar_jax.files import composed

# Placeholders of file systems without inode numbers.
_NO_NUMBER = {0, 2**32 - 1, 2**64 - 1}


def file_keys(paths: Iterable[str]) -> list[str]:
    """Returns a key for each path. Two keys are equal if and only if the paths name the same file.

    Lists each folder once, and queries only links and possible hard links. Single queries of all
    files on a mounted bucket would take minutes.
    """
    real_folders: dict[str, str] = {}
    keys = []

    for path in paths:
        if records.is_record(path):
            folder, _, record = path.rpartition("#")
            keys.append(f"{_real(folder, real_folders)}#{record}")
        else:
            folder, name = os.path.split(path.rstrip("/"))
            keys.append(f"{_real(folder, real_folders)}/{name}")

    return _follow_links(keys)


def find_contradiction(
    paths: Sequence[str], labels: Sequence[Hashable], splits: Sequence[str]
) -> tuple[int, int] | None:
    """Finds two rows that give one file two labels in one split.

    Args:
      paths: path of each row.
      labels: label of each row.
      splits: split of each row.

    Returns:
      The two rows in ascending order, or None.
    """
    first: dict[tuple[str, str], int] = {}
    for row, key in enumerate(file_keys(paths)):
        other = first.setdefault((key, splits[row]), row)
        if labels[other] != labels[row]:
            return other, row
    return None


def _real(folder: str, cache: dict[str, str]) -> str:
    if folder not in cache:
        cache[folder] = os.path.realpath(folder)
    return cache[folder]


def _follow_links(keys: Sequence[str]) -> list[str]:
    """Replaces each key by the first path of the same file."""
    entries = _entries({os.path.dirname(key) for key in keys})
    targets: dict[str, str] = {}
    targets_of_inode: dict[int, list[str]] = {}

    for key in dict.fromkeys(keys):
        is_link, inode = entries.get(composed(key), (key.endswith("/.."), 0))
        target = os.path.realpath(key) if is_link else key
        targets[key] = composed(target)

        # The inode of the target; of the link itself if the target's folder was not listed.
        _, inode = entries.get(targets[key], (False, inode))
        if inode not in _NO_NUMBER:
            targets_of_inode.setdefault(inode, []).append(targets[key])

    first = _hard_links(targets_of_inode)

    return [first.get(targets[key], targets[key]) for key in keys]


def _entries(folders: Iterable[str]) -> dict[str, tuple[bool, int]]:
    """Returns {path: (is a link, inode number)} for the files of the folders."""
    entry_of = {}
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = composed(f"{folder}/{entry.name}")
                    entry_of[path] = entry.is_symlink(), entry.inode()
        # A missing folder has no files; reading them raises the error later.
        except OSError:
            continue

    return entry_of


def _hard_links(paths_of_inode: dict[int, list[str]]) -> dict[str, str]:
    """Maps each hard-linked path to the first path of the same file."""
    first: dict[Hashable, str] = {}
    first_path_of = {}

    for paths in paths_of_inode.values():
        unique = list(dict.fromkeys(paths))
        if len(unique) < 2:
            continue

        for path in unique:
            try:
                status = os.stat(path)
            except OSError:
                continue
            # Files on different devices may have the same inode number.
            first_path_of[path] = first.setdefault((status.st_dev, status.st_ino), path)

    return first_path_of
