"""Finds paths of the same file, despite "./", "..", links and Unicode forms."""

import os
from collections.abc import Hashable, Iterable, Sequence

from albar_jax.data import records
from albar_jax.files import composed

# Placeholders of file systems without inode numbers.
_NO_NUMBER = {0, 2**32 - 1, 2**64 - 1}


def file_keys(paths: Iterable[str]) -> list[str]:
    """Returns a key for each path. Two keys are equal if and only if the paths name the same file.

    Lists each folder once and queries only files that are links or may be hard links, because
    single queries on a mounted bucket take minutes.
    """
    folders: dict[str, str] = {}
    keys = []
    for path in paths:
        if records.is_record(path):
            folder, _, record = path.rpartition("#")
            keys.append(f"{_real(folder, folders)}#{record}")
            continue
        folder, name = os.path.split(path.rstrip("/"))
        keys.append(f"{_real(folder, folders)}/{name}")

    return _follow_links(keys)


def contradiction(
    paths: Sequence[str], labels: Sequence[Hashable], splits: Sequence[str]
) -> tuple[int, int] | None:
    """Returns two rows that give one file two labels in one split, in order, or None."""
    first: dict[tuple[str, str], int] = {}
    for row, key in enumerate(file_keys(paths)):
        other = first.setdefault((key, splits[row]), row)
        if labels[other] != labels[row]:
            return other, row
    return None


def _real(folder: str, known: dict[str, str]) -> str:
    if folder not in known:
        known[folder] = os.path.realpath(folder)
    return known[folder]


def _follow_links(keys: Sequence[str]) -> list[str]:
    entries = _entries({os.path.dirname(key) for key in keys})
    followed: dict[str, str] = {}
    numbers: dict[int, list[str]] = {}
    for key in dict.fromkeys(keys):
        is_link, number = entries.get(composed(key), (key.endswith("/.."), 0))
        target = os.path.realpath(key) if is_link else key
        followed[key] = composed(target)
        _, number = entries.get(followed[key], (False, number))
        if number not in _NO_NUMBER:
            numbers.setdefault(number, []).append(followed[key])

    first = _hard_links(numbers)

    return [first.get(followed[key], followed[key]) for key in keys]


def _entries(folders: Iterable[str]) -> dict[str, tuple[bool, int]]:
    """Returns {path: (is a link, inode number)} for the files of the folders."""
    found = {}
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found[composed(f"{folder}/{entry.name}")] = (entry.is_symlink(), entry.inode())
        # A missing folder has no files; reading them raises the error later.
        except OSError:
            continue

    return found


def _hard_links(numbers: dict[int, list[str]]) -> dict[str, str]:
    """Maps each hard-linked path to the first path of the same file."""
    first: dict[Hashable, str] = {}
    same = {}
    for paths in numbers.values():
        unique = list(dict.fromkeys(paths))
        for path in unique if len(unique) > 1 else ():
            try:
                status = os.stat(path)
            except OSError:
                continue
            same[path] = first.setdefault((status.st_dev, status.st_ino), path)

    return same
