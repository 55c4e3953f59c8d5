"""Keeps all writes inside the folder that the user named, whatever names and links it contains.

Names of runs, tasks, videos and pictures come from untrusted files, and the working folder itself
may be untrusted. `inside` turns such names into paths. The folder that the user names may be a
link. Below it, nothing is written through a link that leads out of the folder. Reading is not
restricted.
"""

import errno
import os
import pathlib
import shutil
from typing import IO

from albar_jax.errors import UserError, naming
from albar_jax.files import open_regular, replacing

# File systems allow 255 bytes. Temporary files have longer names than their targets.
MOST_BYTES = 230


def fault_of_part(name: str) -> str:
    """Returns why a name cannot be one component of a path inside a folder; "" if it can."""
    if not name:
        return "is empty"
    if name in (".", ".."):
        return f"is {name!r}, which names a folder"
    if "/" in name:
        return "has a slash"
    if "\0" in name:
        return "has a null byte"

    size = len(os.fsencode(name))

    if size > MOST_BYTES:
        return f"has {size} bytes; the limit is {MOST_BYTES}"

    return ""


def parts_of(path: str) -> tuple[str, ...]:
    """Splits a path at slashes and drops empty and "." components; keeps ".." and a leading "/"."""
    return pathlib.PurePosixPath(path).parts


def joined(folder: str | os.PathLike[str], *parts: str) -> pathlib.Path:
    """Returns the path `folder/part/part/...` to read from; links on the way are followed.

    Raises:
      UserError: a part is not a plain name.
    """
    for name in parts:
        if fault := fault_of_part(name):
            raise UserError(
                f"{'/'.join(parts)!r} cannot name a file in {folder}: {name!r} {fault}; rename it"
            )

    return pathlib.Path(folder, *parts)


def inside(folder: str | os.PathLike[str], *parts: str) -> pathlib.Path:
    """Returns the path `folder/part/part/...` after checking that it is inside the folder.

    Args:
      folder: the folder that the user named; it may be missing or a link.
      parts: untrusted names, one for each path component; for a relative path use `parts_of(path)`.

    Raises:
      UserError: a part is not a plain name, or a link at any component leads out of `folder`.
    """
    path = joined(folder, *parts)
    for number in range(len(parts)):
        _refuse_way_out(pathlib.Path(folder, *parts[: number + 1]), folder)

    return path


def own_folder(folder: str | os.PathLike[str], *parts: str) -> pathlib.Path:
    """Creates the folder `inside(folder, *parts)` if it does not exist; returns its path.

    Raises:
      UserError: as for `inside`, or the path is a file.
    """
    path = inside(folder, *parts)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UserError(f"{path} exists but is not a folder; move it away") from error

    return path


def refuse_links(folder: str | os.PathLike[str]) -> None:
    """Raises UserError if the folder holds a link that leads out of it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            _refuse_way_out(pathlib.Path(entry.path), folder)


def _refuse_way_out(path: pathlib.Path, folder: str | os.PathLike[str]) -> None:
    if not path.is_symlink():
        return

    # The folder that the user named may itself be a link.
    root = os.path.realpath(folder)
    if os.path.commonpath([os.path.realpath(path), root]) != root:
        raise UserError(
            f"{path} is a link that leads out of {folder}, so nothing is written there; delete the "
            "link, or mount its target there"
        )


def open_own(path: str | os.PathLike[str]) -> IO[bytes]:
    """Opens a file to read and append, unbuffered; creates it if needed and follows no link.

    A file with further hard links is first replaced by a copy.

    Raises:
      UserError: it is a link or not a regular file.
    """
    path = pathlib.Path(path)
    file = os.fdopen(
        open_unfollowed(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "a+b", buffering=0
    )
    # Appending to a file with further names would change these files, too.
    if os.fstat(file.fileno()).st_nlink == 1:
        return file

    with file, replacing(path) as copy:
        file.seek(0)
        copy.write_bytes(file.read())

    return os.fdopen(open_unfollowed(path, os.O_RDWR | os.O_APPEND), "a+b", buffering=0)


def open_unfollowed(path: str | os.PathLike[str], flags: int) -> int:
    """Opens a regular file like `os.open`; follows no link and does not wait for a pipe.

    Args:
      path: path of the file.
      flags: flags of `os.open`.

    Raises:
      UserError: it is a link or not a regular file.
      OSError: it cannot be opened.
    """
    if os.path.islink(path):
        raise UserError(f"{path} is a link, and files are not written through links; delete it")
    with naming(path):
        try:
            return open_regular(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise UserError(f"{path} is not a regular file; move it away") from error
            raise


def remove_folder(folder: str | os.PathLike[str]) -> None:
    """Removes a folder of ours if it exists; if it is a link, removes only the link."""
    if os.path.islink(folder):
        os.unlink(folder)
    elif os.path.lexists(folder):
        shutil.rmtree(folder)
