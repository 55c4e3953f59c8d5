"""Opens regular files only and tracks which threads are waiting for a disk."""

import errno
import os
import threading

from albar_jax import files
from albar_jax.storage.budget import MAX_BYTES

_waiting: set[int] = set()


class _Waiting:
    """A context that marks this thread as waiting for a disk; not nestable.

    The time of waiting is not the fault of the file that is read.
    """

    def __enter__(self) -> None:
        _waiting.add(threading.get_ident())

    def __exit__(self, *exc) -> None:
        _waiting.discard(threading.get_ident())


WAITING = _Waiting()


def is_waiting(thread: int | None) -> bool:
    """Returns whether the thread with this identifier is waiting for a disk."""
    return thread in _waiting


def open_regular(path: str | os.PathLike[str]) -> int:
    """Opens a regular file for reading and returns its descriptor; see `files.open_regular`."""
    with WAITING:
        return files.open_regular(path)


def stat(path: str | os.PathLike[str]) -> os.stat_result:
    """Returns `os.stat`."""
    with WAITING:
        return os.stat(path)


def read(path: str | os.PathLike[str], limit: int) -> bytes:
    """Returns a regular file's bytes, at most `limit` of them if it is not negative.

    Raises:
      OSError: it cannot be read, or has more than `MAX_BYTES` bytes and no limit was given.
    """
    # Opening marks the thread itself; `WAITING` cannot be nested.
    with open(open_regular(path), "rb") as file, WAITING:
        if limit < 0 and os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it has more than {MAX_BYTES:,} bytes", os.fspath(path))
        return file.read(limit)
