"""Reads, writes and verifies the list of SHA-256 sums of a directory.

The list has the format of `sha256sum -c`.
"""

import hashlib
import os
import pathlib
import re
from collections.abc import Callable

from tqdm import tqdm

from albar_jax.errors import UserError
from albar_jax.files import write_text
from albar_jax.storage import access, seals
from albar_jax.terminal.escapes import notify

SUMS = seals.FILE

# The format of `sha256sum`; the asterisk marks binary mode.
_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64}) [ *](?P<name>[^/\\\0]+)")
# Limit on the size of the list.
_MAX_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 20


def write(directory: str | os.PathLike[str]) -> None:
    """Writes the sums of the files in a directory without folders."""
    directory = pathlib.Path(directory)
    names = sorted(file.name for file in directory.iterdir() if file.name != SUMS)
    digests = _digests(directory, names)
    write_text(directory / SUMS, seals.to_text(digests))


def read(directory: str | os.PathLike[str]) -> dict[str, str] | None:
    """Returns the sums by file name; None if the directory has no list of sums.

    Raises:
      UserError: the list cannot be read, or names a file outside the directory.
      StorageError: the system failed to read it.
    """
    path = os.path.join(directory, SUMS)
    if not access.exists(path):
        return None

    try:
        if not os.path.isfile(path):
            raise ValueError

        content = access.read_bytes(path, _MAX_BYTES)
        # At the limit, the list may be longer.
        if len(content) == _MAX_BYTES:
            raise ValueError

        return dict(_parse(line) for line in content.decode().splitlines())
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}; copy or pack the data set again"
        ) from error
    except ValueError as error:
        # UserError is a ValueError, too; `_parse` raises it for a bad line.
        reason = f": {error}" if type(error) is UserError else ""
        raise UserError(
            f"{path} is not a list of SHA-256 sums of the files in its folder{reason}; copy or "
            "pack the data set again"
        ) from error


def verify(directory: str | os.PathLike[str]) -> None:
    """Reads every file of a directory and compares its sum with the list.

    Prints a note for a directory without a list.

    Raises:
      UserError: a file is missing or was changed; the message names the first one.
    """
    directory = pathlib.Path(directory)
    expected = read(directory)
    if expected is None:
        notify(f"note: {without_sums(directory)}")
        return

    for name, digest in _digests(directory, list(expected)).items():
        if digest != expected[name]:
            raise UserError(damaged(directory / name))


def digest_of(path: str | os.PathLike[str], progress: Callable[[int], object] = int) -> str:
    """Returns the SHA-256 sum of a file in lower-case hex.

    Args:
      path: the file.
      progress: called with the number of bytes of each chunk.

    Raises:
      OSError: the path is wrong.
      StorageError: the system failed to read it.
    """
    digest = hashlib.sha256()

    with access.StoredFile(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            progress(len(chunk))

    return digest.hexdigest()


def damaged(path: str | os.PathLike[str]) -> str:
    """Returns the message for a file whose sum differs from the listed one."""
    return (
        f"{path} is damaged: its SHA-256 sum differs from {SUMS}; copy it again, or pack the data "
        "set again"
    )


def without_sums(directory: str | os.PathLike[str]) -> str:
    """Returns the note for a directory without a list of sums."""
    return f"{directory} has no {SUMS}, so only the checksums inside its records are verified"


def _parse(line: str) -> tuple[str, str]:
    """Returns file name and sum of a line."""
    match = _LINE.fullmatch(line)
    if match is None or match["name"] in (".", ".."):
        raise UserError(f"{line[:200]!r}")
    return match["name"], match["digest"].lower()


def _digests(directory: pathlib.Path, names: list[str]) -> dict[str, str]:
    """Returns file name -> sum, with a progress bar."""
    digests = {}

    try:
        total = sum((directory / name).stat().st_size for name in names)
        with tqdm(total=total, unit="B", unit_scale=True, desc="checksums") as bar:
            for name in names:
                digests[name] = digest_of(directory / name, bar.update)
    except OSError as error:
        raise UserError(
            f"cannot read {error.filename}: {error.strerror}; copy or pack the data set again"
        ) from error

    return digests
