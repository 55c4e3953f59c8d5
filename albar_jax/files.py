"""Folders that can be written to, and files of which a reader never meets half."""

import contextlib
import os
import pathlib
import uuid
from collections.abc import Iterator

from albar_jax.errors import UserError


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary name beside `path`, under which to write; it gets the name when the context ends well."""
    path = pathlib.Path(path)
    # Drawn, because two writers on two machines may have one process id.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text, whole or not at all; missing folders are made."""
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")  # CSV brings its own line ends


def make_folder(path: str | os.PathLike, flag: str) -> pathlib.Path:
    """Makes the folder that a flag names, if it is not there; raises UserError if it cannot be written to."""
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{flag} {path} cannot be made: {error.strerror}; choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"{flag} {path} cannot be written to; choose another folder")
    return folder
