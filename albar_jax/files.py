"""Folders that can be written to, and files of which a reader never meets half."""

import os
import pathlib

from albar_jax.errors import UserError


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text under a temporary name beside `path`, then renames; missing folders are made."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process id keeps two writers apart; newline="" because CSV brings its own line ends.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
