"""Which paths name the same file: by "./", "..", links of both kinds, or another Unicode form of the name."""

import os
from collections.abc import Hashable, Iterable, Sequence

from albar_jax.data import records
from albar_jax.files import composed

_NO_NUMBER = {0, 2**32 - 1, 2**64 - 1}  # what file systems without numbers of files say


def file_keys(paths: Iterable[str]) -> list[str]:
    """Returns a key for each path; two paths have the same key if, and only if, they name the same file.

    Lists each folder once, and asks about single files only where they are links, or may be hard links: on a mounted
    bucket, asking for one file after the other takes minutes.
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


def contradiction(paths: Sequence[str], labels: Sequence[Hashable], splits: Sequence[str]) -> tuple[int, int] | None:
    """Returns two rows of one split that give one file two labels, the earlier one first; None without such rows."""
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
    """Returns, by path, whether each file of the folders is a link, and its number in the file system."""
    found = {}
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found[composed(f"{folder}/{entry.name}")] = (entry.is_symlink(), entry.inode())
        except OSError:  # a folder that is not there has no files; who reads them says so
            continue
    return found


def _hard_links(numbers: dict[int, list[str]]) -> dict[str, str]:
    """Returns, for each path that is a hard link of another, the first of these."""
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
