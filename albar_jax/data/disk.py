"""Opens regular files only, and knows which threads wait for a disk."""

import errno
import os
import threading
from stat import S_ISDIR, S_ISREG

from albar_jax.budget import MAX_BYTES

_waiting: set[int] = set()


class _Waiting:
    """A context in which this thread waits for a disk, not to be nested. This time is not the file's fault."""

    def __enter__(self) -> None:
        _waiting.add(threading.get_ident())

    def __exit__(self, *exc) -> None:
        _waiting.discard(threading.get_ident())


WAITING = _Waiting()


def is_waiting(thread: int | None) -> bool:
    """Returns whether the thread with this identifier waits for a disk."""
    return thread in _waiting


def open_regular(path: str | os.PathLike[str]) -> int:
    """Opens a regular file for reading and returns its descriptor.

    Raises:
      OSError: it cannot be opened, or it is a pipe or a device, which could block for ever.
    """
    with WAITING:
        descriptor = _open(path)
        mode = os.fstat(descriptor).st_mode
    if S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))


def _open(path: str | os.PathLike[str]) -> int:
    # With this flag, opening a pipe does not block until it has a writer.
    flags = os.O_RDONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_NONBLOCK)
    # A file server holds a lease on the file, and gives it back within a minute.
    except BlockingIOError:
        if not S_ISREG(os.stat(path).st_mode):
            raise
        return os.open(path, flags)


def stat(path: str | os.PathLike[str]) -> os.stat_result:
    """Returns `os.stat`."""
    with WAITING:
        return os.stat(path)


def read(path: str | os.PathLike[str], limit: int) -> bytes:
    """Returns a regular file's bytes, at most `limit` of them if it is not negative.

    Raises:
      OSError: it cannot be read, or has more than `MAX_BYTES` bytes and no limit was given.
    """
    with open(open_regular(path), "rb") as file, WAITING:
        if limit < 0 and os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes", os.fspath(path))
        return file.read(limit)
