"""Creates temporary files and folders, so that targets appear complete or not at all.

Complete targets also survive a power cut.

A target has one temporary name, `.NAME.albar.tmp`, so that a repeated command finds the leftover of
a killed one. The writer holds a lock (`flock`) on the file. The system releases the lock however
the process ends. So a file of this name without a lock is a leftover, and the next writer
removes it.
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
# Maximum length of a file name in bytes, and the part of it that is left for the name of the
# target.
_NAME_BYTES = 255 - len(SUFFIX) - 10
# On a journalling file system, one commit serves all waiting threads, so many threads sync faster.
_SYNC_THREADS = 16
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def file_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the name of an empty, locked file in the folder of `path`.

    Removes the file at the end if it still exists.

    Removes the leftover of a killed writer of `path`. Uses another name if a live process holds the
    file, or if the name is not a file.
    """
    temporary, descriptor = _create(path)
    try:
        yield temporary
    finally:
        # After a rename, another writer of `path` may already use the temporary name.
        if is_at(temporary, descriptor):
            temporary.unlink(missing_ok=True)
        os.close(descriptor)


@contextlib.contextmanager
def folder_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the name of an empty folder in the parent of `path`.

    Removes the folder at the end if it still exists.

    Removes the leftover of a killed writer of `path`. The caller must hold the lock of `path`; see
    `lock.writing`.
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
            if _locks(descriptor, without=True) and is_at(folder, descriptor):
                return folder
            os.close(descriptor)


def put_in_place(temporary: pathlib.Path, path: pathlib.Path) -> None:
    """Syncs a file or folder to the disk, then renames it.

    After it returns, a power cut does not undo the rename.
    """
    if temporary.is_dir():
        sync_tree(temporary)
    else:
        sync(temporary)

    os.replace(temporary, path)
    sync(path.parent)


def sync(path: str | os.PathLike[str]) -> None:
    """Syncs the contents of a file, or the names in a folder, to the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        # A user may have permission to write to a folder or a new file but not to read it.
        return

    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync folders, and devices cannot be synced at all.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: str | os.PathLike[str]) -> None:
    """Syncs all files and folders under a folder to the disk."""
    folders = []
    files = []
    for root, _, names in os.walk(folder):
        folders.append(root)
        files += [path for name in names if not os.path.islink(path := os.path.join(root, name))]

    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        for paths in (files, folders):
            # `list` raises the first error of any thread.
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
    """Creates a file in the folder of `path`; returns its path and a locked descriptor."""
    usual = path.with_name(_name(path))
    _discard(usual)
    descriptor = _create_locked(usual)

    while descriptor is None:
        # Another process is writing the same file.
        usual = path.with_name(_name(path).replace(SUFFIX, f".{uuid.uuid4().hex[:8]}{SUFFIX}"))
        descriptor = _create_locked(usual)

    return usual, descriptor


def _create_locked(path: pathlib.Path) -> int | None:
    """Returns a descriptor of a new file; None if the name is taken."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    except FileExistsError:
        return None

    # On a file system without locks, no process treats it as a leftover.
    if _locks(descriptor, without=True) and is_at(path, descriptor):
        return descriptor

    # Another process treated the new file as a leftover.
    os.close(descriptor)
    return None


def _discard(path: pathlib.Path) -> None:
    """Removes a file of ours that no process holds; leaves everything else."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    # It no longer exists or belongs to another user.
    except OSError:
        return

    try:
        if _locks(descriptor, without=False) and is_at(path, descriptor):
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
        if is_own and _locks(descriptor, without=False) and is_at(path, descriptor):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def _locks(descriptor: int, *, without: bool) -> bool:
    """Locks a file and returns whether it succeeded.

    Returns `without` if the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without

    return True


def is_at(path: pathlib.Path, descriptor: int) -> bool:
    """Returns whether a path still names an open file; a link to the file does not count."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
