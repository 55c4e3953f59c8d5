"""Locks folders so that one process at a time writes to them.

The lock is `flock` on a file in the folder. The system releases it however a process ends, so there
are no stale locks. NFS forwards it to all machines. The file names the holder.
"""

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import pathlib
import socket
import sys
import time
from collections.abc import Iterator
from typing import IO

from albar_jax.errors import UserError, full_disk_as_user_error, naming
from albar_jax.files import make_folder, mount_of
from albar_jax.storage import json_files
from albar_jax.storage.inside import open_unfollowed
from albar_jax.storage.temporary import is_at
from albar_jax.terminal.escapes import notify

FILE = ".lock"
# Tries before a lock counts as held, because `holder` takes it briefly.
_GLANCES = 3
# Seconds between two tries.
_WAIT_SECONDS = 0.1
# Mount options that keep locks local to one machine.
_UNSHARED = {"nolock", "local_lock=all", "local_lock=flock", "localflock", "nobrl"}


class HeldError(UserError):
    """Raised if another process is at work in the folder."""


@contextlib.contextmanager
def working_in(
    path: str | os.PathLike[str], flag: str, *, active: bool = True
) -> Iterator[pathlib.Path]:
    """Creates and locks a folder, and yields it while a command writes to it.

    A full disk raises UserError. A folder that was created here and stays empty is removed.

    Args:
      path: path of the folder.
      flag: name of its flag, for messages.
      active: whether to create and lock it. False on all but the first of several cooperating
        processes, and if the caller already holds the lock.

    Raises:
      UserError: the folder cannot be written to, another process is at work in it, or the disk is
        full.
    """
    if not active:
        with full_disk_as_user_error(path):
            yield pathlib.Path(path)
        return

    new_folders = _missing(pathlib.Path(path))
    try:
        folder = make_folder(path, flag)
        with full_disk_as_user_error(folder), locked(folder / FILE):
            yield folder
    finally:
        # Keeps a folder that is not empty.
        with contextlib.suppress(OSError):
            for new_folder in new_folders:
                new_folder.rmdir()


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Locks a file or folder that is renamed into place, while a command writes it.

    Raises:
      UserError: its folder is not writable, another process writes it, or the disk is full.
    """
    path = pathlib.Path(path).absolute()
    folder = make_folder(path.parent, "the folder")

    with full_disk_as_user_error(folder), locked(folder / f".{path.name}{FILE}"):
        yield


@contextlib.contextmanager
def locked(path: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Holds the lock of the file `path`.

    Args:
      path: path of the lock file; its folder must exist.
      wait: whether to wait until the lock is free.

    Raises:
      HeldError: another process holds it.
      UserError: the file cannot be written.
    """
    path = pathlib.Path(path)
    with _acquired(path, wait) as file:
        with naming(path):
            _sign(file)
        try:
            yield
        finally:
            _remove(path, file)


def holder(path: str | os.PathLike[str]) -> str | None:
    """Describes the holder of the lock file `path`; None if it is free."""
    try:
        with os.fdopen(open_unfollowed(path, os.O_RDONLY), "rb") as file:
            # A shared lock, so that two callers do not see each other as holders.
            if _locks(file, fcntl.LOCK_SH | fcntl.LOCK_NB):
                return None
            return _signature(file)
    # The file does not exist, or the file system has no locks.
    except (OSError, UserError):
        return None


def _missing(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the missing folders from `folder` upwards, innermost first."""
    missing = []
    for each in (folder, *folder.parents):
        if os.path.lexists(each):
            break
        missing.append(each)

    return missing


@contextlib.contextmanager
def _acquired(path: pathlib.Path, wait: bool) -> Iterator[IO[bytes]]:
    while True:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(_open(path))
            _lock(file, path, wait)
            # The last holder may have removed the file; then this lock protects nothing.
            if is_at(path, file.fileno()) and not _has_other_names(path, file):
                stack.pop_all()
                break

    with file:
        yield file


def _open(path: pathlib.Path) -> IO[bytes]:
    try:
        return os.fdopen(open_unfollowed(path, os.O_RDWR | os.O_CREAT), "rb+", buffering=0)
    except PermissionError as error:
        raise UserError(
            f"cannot open the lock {path}: {error.strerror}; another user made it: delete it "
            "unless one of their commands is at work there"
        ) from error


def _lock(file: IO[bytes], path: pathlib.Path, wait: bool) -> None:
    try:
        if wait:
            fcntl.flock(file, fcntl.LOCK_EX)
            return
        for _ in range(_GLANCES):
            if _locks(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                _say_if_unshared(path)
                return
            time.sleep(_WAIT_SECONDS)
    except OSError as error:
        _warn(path, f"its file system has no locks ({error.strerror})")
        return

    raise HeldError(
        f"another process is at work in {path.parent}: {_signature(file)}; wait for it or end it "
        "(a crashed process releases its lock; only if that machine itself went down, delete "
        f"{path})"
    )


def _locks(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        return False

    return True


def _has_other_names(path: pathlib.Path, file: IO[bytes]) -> bool:
    """Returns whether the file has further hard links; if so, removes this name.

    Writing to the file would change a file of another name.
    """
    if os.fstat(file.fileno()).st_nlink > 1:
        path.unlink()
        return True
    return False


def _remove(path: pathlib.Path, file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):
        # The file may have been deleted and recreated meanwhile.
        if is_at(path, file.fileno()):
            path.unlink()


@dataclasses.dataclass(frozen=True)
class _Holder:
    """The holder of a lock, as written in its file."""

    process: int
    host: str
    since: str
    command: str


def _sign(file: IO[bytes]) -> None:
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    command = " ".join(map(os.path.basename, sys.argv[:1]))
    signature = _Holder(os.getpid(), socket.gethostname(), now, command)

    file.seek(0)
    file.truncate()
    file.write(json.dumps(dataclasses.asdict(signature)).encode() + b"\n")
    # Makes it visible to other machines.
    os.fsync(file.fileno())


def _signature(file: IO[bytes]) -> str:
    file.seek(0)
    try:
        holding = _Holder(**json_files.parse(file.read(), "the lock"))
    # The holder is still writing the file.
    except (ValueError, TypeError):
        return "one that has just begun"

    return f"process {holding.process} ({holding.command}) on {holding.host}, since {holding.since}"


def _say_if_unshared(path: pathlib.Path) -> None:
    kind, options = mount_of(path)
    unshared = sorted(_UNSHARED & options)
    if unshared:
        _warn(path, f"it is mounted with {unshared[0]}")
    elif kind.startswith("fuse.") and kind != "fuse.fuse-overlayfs":
        _warn(path, f"a mount of the kind {kind} keeps locks to one machine")


def _warn(path: pathlib.Path, reason: str) -> None:
    notify(
        f"note: the lock of {path.parent} does not hold on other machines: {reason}; "
        "start no second command there"
    )
