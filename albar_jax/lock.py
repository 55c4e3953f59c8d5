"""Folders that one process at a time may write to.

The lock is `flock` on a file in the folder, which the system releases however a process ends, so a lock of a dead
process cannot stay. NFS passes it on to all machines. The file says who holds it.
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

from albar_jax.errors import UserError, naming, telling_of_a_full_disk
from albar_jax.files import make_folder

FILE = ".lock"
_GLANCES = 3  # at a lock that is taken, before it counts as held: `holder` may be looking
_WAIT_SECONDS = 0.1  # between two of them
_MOUNTS = pathlib.Path("/proc/self/mountinfo")
# Options of mounts that keep the locks of one machine from the others.
_UNSHARED = {"nolock", "local_lock=all", "local_lock=flock", "localflock", "nobrl"}


class HeldError(UserError):
    """Another process is at work in the folder."""


@contextlib.contextmanager
def working_in(path: str | os.PathLike[str], flag: str, *, active: bool = True) -> Iterator[pathlib.Path]:
    """Yields the folder that a flag names, made and locked, for all the time that a command writes to it.

    A full disk is one sentence. A folder that was made here and stays empty is removed again.

    Args:
      path: of the folder.
      flag: that names it, for messages.
      active: whether to make and lock it; False on all but the first of several processes that work together, and where
        the caller holds the lock already.

    Raises:
      UserError: the folder cannot be written to, another process is at work in it, or the disk is full.
    """
    if not active:
        with telling_of_a_full_disk(path):
            yield pathlib.Path(path)
        return
    made = _missing(pathlib.Path(path))
    try:
        folder = make_folder(path, flag)
        with telling_of_a_full_disk(folder), locked(folder / FILE):
            yield folder
    finally:
        with contextlib.suppress(OSError):  # not empty
            for each in made:
                each.rmdir()


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Holds the lock of a file, or of a folder that is moved into place as a whole, while a command makes it.

    Raises:
      UserError: its folder cannot be written to, another process is making it, or the disk is full.
    """
    path = pathlib.Path(path).absolute()
    folder = make_folder(path.parent, "the folder")
    with telling_of_a_full_disk(folder), locked(folder / f".{path.name}{FILE}"):
        yield


@contextlib.contextmanager
def locked(path: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Holds the lock whose file is `path`.

    Args:
      path: of the file, in a folder that is there.
      wait: whether to wait for a process that holds it.

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
    """Returns who holds the lock whose file is `path`, in words; None if nobody does."""
    try:
        with open(path, "rb") as file:
            # Shared, so that two who look do not take each other for somebody at work.
            return None if _locks(file, fcntl.LOCK_SH | fcntl.LOCK_NB) else _signature(file)
    except OSError:  # no file, or no locks
        return None


def _missing(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folder and those above it that are not there, the innermost first."""
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
            # Whoever held it may have removed the file meanwhile: then this is the lock of nothing.
            if _is_file_at(path, file):
                stack.pop_all()
                break
    with file:
        yield file


def _open(path: pathlib.Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "rb+", buffering=0)
    except PermissionError as error:
        raise UserError(
            f"cannot open the lock {path}: {error.strerror}; another user made it: delete it if none of their commands "
            "is at work there"
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
        f"another process is at work in {path.parent}: {_signature(file)}; wait for it or end it (the system releases "
        f"the lock of a process that crashed; only if that machine itself went down, delete {path})"
    )


def _locks(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        return False
    return True


def _is_file_at(path: pathlib.Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _remove(path: pathlib.Path, file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):
        if _is_file_at(path, file):  # somebody may have deleted it, and another made a new one
            path.unlink()


@dataclasses.dataclass(frozen=True)
class _Holder:
    """Who holds a lock: what its file says."""

    process: int
    host: str
    since: str
    command: str


def _sign(file: IO[bytes]) -> None:
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    signature = _Holder(os.getpid(), socket.gethostname(), now, " ".join(map(os.path.basename, sys.argv[:1])))
    file.seek(0)
    file.truncate()
    file.write(json.dumps(dataclasses.asdict(signature)).encode() + b"\n")
    os.fsync(file.fileno())  # other machines see it then


def _signature(file: IO[bytes]) -> str:
    file.seek(0)
    try:
        found = _Holder(**json.loads(file.read()))
    except (ValueError, TypeError):  # it is just being written
        return "one that has just begun"
    return f"process {found.process} ({found.command}) on {found.host}, since {found.since}"


def _say_if_unshared(path: pathlib.Path) -> None:
    kind, options = _mount(path)
    unshared = sorted(_UNSHARED & options)
    if unshared:
        _warn(path, f"it is mounted with {unshared[0]}")
    elif kind.startswith("fuse.") and kind != "fuse.fuse-overlayfs":
        _warn(path, f"a mount of the kind {kind} keeps locks to one machine")


def _warn(path: pathlib.Path, reason: str) -> None:
    print(
        f"note: the lock of {path.parent} does not hold on other machines: {reason}; start no second command there",
        file=sys.stderr,
    )


def _mount(path: pathlib.Path) -> tuple[str, set[str]]:
    """Returns the kind of the file system that a file is on, and its options; "" and none if that is not known."""
    try:
        device = os.stat(path).st_dev
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "", set()
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 5 and fields[2] == number:
            kind, _, options = after.split(" ")[:3]
            return kind, {*fields[5].split(","), *options.split(",")}
    return "", set()
