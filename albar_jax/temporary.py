"""Temporary names of files and folders that appear whole or not at all, and writes that survive a power cut.

A target has one temporary name, `.NAME.albar.tmp`, so that the command that repeats a write finds what a killed one
left. The writer holds a lock (`flock`) on the file. The system releases it however a process ends, so a file of this
name without a lock is a leftover, and the next writer removes it.
"""

import contextlib
import errno
import fcntl
import glob
import hashlib
import os
import pathlib
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

SUFFIX = ".albar.tmp"
# Bytes of a file name that file systems allow, and what is left of them for the name of the target.
_NAME_BYTES = 255 - len(SUFFIX) - 10
# One commit of a journalling file system serves all threads that wait for it.
_SYNC_THREADS = 16
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def file_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the name of an empty, locked file beside `path`, and removes the file at the end if it is still there.

    What a killed writer of `path` left is removed. A name that a live process holds, or that is no file, is avoided.
    """
    temporary, descriptor = _create(path)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def folder_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the name of an empty folder beside `path`, and removes the folder at the end if it is still there.

    What a killed writer of `path` left is removed. The caller must hold the lock of `path`; see `lock.writing`.
    """
    temporary = path.with_name(_name(path))
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def private_folder(name: str, parent: str | os.PathLike[str]) -> pathlib.Path:
    """Returns a new folder, for this user alone, that is locked until this process ends.

    Folders of this kind that killed processes left are removed.

    Args:
      name: first part of the folder's name, which nothing else may have.
      parent: an existing folder, which other users may write to.
    """
    for entry in pathlib.Path(parent).glob(f"{glob.escape(name)}*"):
        _discard_folder(entry)
    while True:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=name, dir=parent))
        # Until then, another process may take it for a leftover.
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder, _FOLDER)
            if _locks(descriptor, without=True) and _is_at(folder, descriptor):
                return folder
            os.close(descriptor)


def put_in_place(temporary: pathlib.Path, path: pathlib.Path) -> None:
    """Renames a file or a folder, of which everything is on the disk before it has its name.

    After it returns, a power cut does not undo it.
    """
    if temporary.is_dir():
        sync_tree(temporary)
    else:
        sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


def sync(path: str | os.PathLike[str]) -> None:
    """Waits until the content of a file, or the names in a folder, are on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        # One may write to a folder, or to a new file, without being allowed to read it.
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems sync no folders, and devices nothing.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: str | os.PathLike[str]) -> None:
    """Waits until all files and folders under a folder are on the disk."""
    folders, files = [], []
    for root, _, names in os.walk(folder):
        folders.append(root)
        files += [path for name in names if not os.path.islink(path := os.path.join(root, name))]
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        for paths in (files, folders):
            # `list` raises what any of them raised.
            list(pool.map(sync, paths))


def remove_leftovers(folder: pathlib.Path) -> None:
    """Removes the temporary files under a folder that no process holds."""
    for leftover in folder.rglob(f".*{SUFFIX}"):
        _discard(leftover)


def _name(path: pathlib.Path) -> str:
    name = path.name
    if len(os.fsencode(name)) > _NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f".{name}{SUFFIX}"


def _create(path: pathlib.Path) -> tuple[pathlib.Path, int]:
    """Returns a new file beside `path` and a descriptor that holds its lock."""
    usual = path.with_name(_name(path))
    _discard(usual)
    descriptor = _create_locked(usual)
    while descriptor is None:
        # Another process is writing the same file now.
        usual = path.with_name(_name(path).replace(SUFFIX, f".{uuid.uuid4().hex[:8]}{SUFFIX}"))
        descriptor = _create_locked(usual)
    return usual, descriptor


def _create_locked(path: pathlib.Path) -> int | None:
    """Returns a descriptor of a new file; None if the name is taken."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    except FileExistsError:
        return None
    # Without locks nobody takes it for a leftover.
    if _locks(descriptor, without=True) and _is_at(path, descriptor):
        return descriptor
    # Another process took the new file for a leftover.
    os.close(descriptor)
    return None


def _discard(path: pathlib.Path) -> None:
    """Removes a file of ours that no process holds; leaves all else."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    # It is gone, or another user's.
    except OSError:
        return
    try:
        if _locks(descriptor, without=False) and _is_at(path, descriptor):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _discard_folder(path: pathlib.Path) -> None:
    """Removes a folder of this user that no process holds; leaves all else."""
    try:
        descriptor = os.open(path, _FOLDER)
    # It is gone, no folder, or another user's.
    except OSError:
        return
    try:
        is_own = os.fstat(descriptor).st_uid == os.geteuid()
        if is_own and _locks(descriptor, without=False) and _is_at(path, descriptor):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def _locks(descriptor: int, *, without: bool) -> bool:
    """Locks a file; returns whether it succeeded, and `without` on a file system that has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without
    return True


def _is_at(path: pathlib.Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
