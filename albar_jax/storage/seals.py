"""Checksums of a folder that is written once, such as a checkpoint or converted weights.

They are stored in its file `SHA256SUMS`, which `sha256sum -c` also reads. SHA-256 is the fastest
hash in Python's standard library on CPUs of the last ten years, which have instructions for it.
Python releases the GIL while hashing, so threads can hash files in parallel.
"""

import errno
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from albar_jax.files import open_regular
from albar_jax.storage.temporary import sync_tree

FILE = "SHA256SUMS"
# Marks the metadata of orbax. A marked folder without sums is damaged; an unmarked one was written
# by an older version.
MARK = {"checksums": FILE}
_METADATA = ("_CHECKPOINT_METADATA", "params/_CHECKPOINT_METADATA")
# Files that operating systems put into any folder.
_FOREIGN = (".DS_Store", "Thumbs.db", "desktop.ini")
_FOREIGN_PREFIXES = ("._", ".nfs")
_THREADS = 8
# Limit of a list of checksums in bytes; a hundred thousand files need this.
_MOST_BYTES = 16 << 20


def seal(folder: str | os.PathLike[str]) -> None:
    """Writes the checksums of all files under a folder and syncs everything to the disk."""
    folder = pathlib.Path(folder)
    sums = _sums(folder, sorted(_files(folder)))
    (folder / FILE).write_text(to_text(sums), encoding="utf-8")
    sync_tree(folder)


def to_text(sums: Mapping[str, str]) -> str:
    """Formats file name -> SHA-256 sum as lines of `sha256sum`."""
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items())


def is_sealed(folder: str | os.PathLike[str]) -> bool:
    """Returns whether a folder has checksums or should have them.

    False for a folder that an earlier version wrote.
    """
    folder = pathlib.Path(folder)
    if (folder / FILE).exists():
        return True

    metadata_files = [folder / name for name in _METADATA if (folder / name).is_file()]
    if not metadata_files:
        return True

    try:
        metadata = json.loads(metadata_files[0].read_bytes())
        return bool(metadata.get("custom_metadata"))
    # The metadata is damaged, so the folder counts as sealed and its check will fail.
    except (ValueError, AttributeError):
        return True


def fault(folder: str | os.PathLike[str], *, only: str = "", may_hold_more: bool = False) -> str:
    """Verifies every file under a folder; returns what is damaged, or "" if nothing is.

    Args:
      folder: a folder for which `is_sealed` is true.
      only: prefix of the names of the files to read.
      may_hold_more: whether users may have added files at the top level of the folder.

    Raises:
      OSError: the system failed to read a file; the file may be intact.
    """
    folder = pathlib.Path(folder)
    try:
        lines = _read(folder / FILE).splitlines()
        listed = {}
        for line in lines:
            digest, name = line.split("  ", 1)
            listed[name] = digest
    except FileNotFoundError:
        return f"its file {FILE} is missing" if any(_files(folder)) else "it is empty"
    except ValueError:
        return f"its {FILE} is not a list of checksums"

    expected = {name: digest for name, digest in listed.items() if name.startswith(only)}
    existing = {name for name in _files(folder) if name.startswith(only)}

    missing = sorted(expected.keys() - existing)
    if missing:
        return f"its file {missing[0]!a} is missing"

    more = sorted(existing - expected.keys())
    if may_hold_more:
        more = [name for name in more if "/" in name]
    if more:
        return f"its file {more[0]!a} was not written with it"

    sums = _sums(folder, sorted(expected))
    for name, digest in expected.items():
        if sums[name] != digest:
            return f"its file {name!a} has changed since it was written"

    return ""


def _read(path: pathlib.Path) -> str:
    """Returns the list of checksums; raises ValueError if it is too long or not a regular file."""
    try:
        with open(path, "rb", opener=open_regular) as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EISDIR, errno.ELOOP):
            raise ValueError(error.strerror) from error
        raise

    if len(content) > _MOST_BYTES:
        raise ValueError("it is too long")

    return content.decode()


def _files(folder: pathlib.Path) -> Iterator[str]:
    """Yields the relative names of all files under a folder, except the list of checksums."""
    for root, folders, names in os.walk(folder):
        # A link to a folder could lead out of the folder.
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(root, name))]
        for name in names:
            path = os.path.relpath(os.path.join(root, name), folder).replace(os.sep, "/")
            if path != FILE and name not in _FOREIGN and not name.startswith(_FOREIGN_PREFIXES):
                yield path


def _sums(folder: pathlib.Path, names: list[str]) -> dict[str, str]:
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        return dict(zip(names, pool.map(lambda name: _digest(folder / name), names), strict=True))


def _digest(path: pathlib.Path) -> str:
    # Reading a pipe or a device might never end.
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
