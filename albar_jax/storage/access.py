"""Reads files and distinguishes system faults from damaged files.

A disk, a network mount or a full table of open files can fail while a file is sound. Such a read is
retried with growing waits, then raises StorageError, which ends the program. Only a file's own
fault makes a video unreadable. `data` and `synthesis` read videos, pictures and masks through this
module. Libraries get an open file or bytes, never a path, because most of them hide system errors.
"""

import errno
import io
import os
import time
from collections.abc import Callable
from stat import S_ISDIR
from typing import TypeVar, cast

from albar_jax.errors import StorageError
from albar_jax.storage import disk

Result = TypeVar("Result")

# Seconds before each retry.
WAITS = (0.1, 0.5, 2.0, 4.0)
PROBE_BYTES = 1 << 28

# Errors of the path itself. All other error numbers are the system's.
_OF_THE_FILE = {errno.EFBIG, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ELOOP}
_OF_THE_FILE |= {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EOVERFLOW}
# Errors of writing, which this module does not handle.
_OF_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
# Errors that do not go away within seconds, with their remedies. Missing videos are reported when a
# command starts, so a file that vanishes later means that the disk is gone.
_FINAL = {
    errno.ENOENT: "check that its disk is still mounted and that it is not a broken link",
    errno.EACCES: "make it readable for this user",
    errno.EPERM: "make it readable for this user",
}


def is_system_fault(error: BaseException) -> bool:
    """Returns whether an error is the system's and not the file's."""
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, OSError) or error.errno is None:
        return False

    return error.errno not in _OF_THE_FILE | _OF_WRITING


def patiently(work: Callable[[], Result], path: str | os.PathLike[str]) -> Result:
    """Returns `work()`, with retries after system faults.

    Args:
      work: reads something; each call starts from the beginning.
      path: the path that is read, for the message.

    Raises:
      StorageError: the fault persists.
    """
    for wait in WAITS:
        try:
            return work()
        except (OSError, MemoryError) as error:
            if not is_system_fault(error):
                raise
            if getattr(error, "errno", None) in _FINAL:
                raise storage_error(path, error) from error
        time.sleep(wait)

    try:
        return work()
    except (OSError, MemoryError) as error:
        if not is_system_fault(error):
            raise
        raise storage_error(path, error) from error


def storage_error(path: str | os.PathLike[str], error: OSError | MemoryError) -> StorageError:
    """Builds the error that ends the program and names the file and the fault."""
    name = getattr(error, "filename", None) or os.fspath(path)
    tries = f"{len(WAITS) + 1} times in {sum(WAITS):.0f} s"
    if isinstance(error, MemoryError):
        return StorageError(
            f"cannot read {name}: too little memory is free, {tries}; give fewer loader.workers or "
            "threads, or a smaller batch, and repeat the command"
        )

    # The errors of the system have a number.
    number = cast(int, error.errno)
    if number in _FINAL:
        return StorageError(
            f"cannot read {name}: {os.strerror(number)}; {_FINAL[number]}, and repeat the command"
        )

    return StorageError(
        f"cannot read {name}: {os.strerror(number)}, {tries}; the system or its storage "
        "failed, not the file; repair it and repeat the command"
    )


def stat(path: str | os.PathLike[str]) -> os.stat_result:
    """Returns `os.stat`. Raises OSError for the path's own fault, StorageError for others."""
    return patiently(lambda: disk.stat(path), path)


def exists(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path exists. Raises StorageError if the system does not answer."""

    def look() -> bool:
        try:
            disk.stat(path)
        # ValueError: a null byte.
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        except OSError as error:
            # A link loop exists but cannot be opened. Any other error means that no file can have
            # this name.
            if is_system_fault(error):
                raise
            return error.errno == errno.ELOOP

        return True

    return patiently(look, path)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Returns whether a path is a folder, False if the path itself is wrong.

    Raises:
      StorageError: the system does not answer.
    """
    try:
        return S_ISDIR(stat(path).st_mode)
    # ValueError: a null byte.
    except (OSError, ValueError):
        return False


def read_bytes(path: str | os.PathLike[str], limit: int = -1) -> bytes:
    """Returns a regular file's bytes, at most `limit` of them if it is not negative.

    Raises:
      OSError: the path is wrong, or the file is too large to be read at once.
      StorageError: the system failed to read the file.
    """
    return patiently(lambda: disk.read(path, limit), path)


class StoredFile(io.RawIOBase):
    """A file opened for reading, with retries. It is reopened if its handle goes stale.

    Raises:
      OSError: the path itself is at fault.
      StorageError: the system is.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        # libav uses the name to detect formats, too.
        self.name = os.fspath(path)
        self._place = 0
        self._has_failed = False
        self._descriptor = patiently(lambda: disk.open_regular(self.name), path)
        self._version = self._now()

    def __repr__(self) -> str:
        # Libraries put this into their messages.
        return repr(self.name)

    def readable(self) -> bool:
        """See io.IOBase."""
        return True

    def seekable(self) -> bool:
        """See io.IOBase."""
        return True

    def tell(self) -> int:
        """See io.IOBase."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See io.IOBase."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._version[0]}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), self.name)

        self._place = start + offset
        return self._place

    def readinto(self, buffer) -> int:
        """See io.RawIOBase."""
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """See io.RawIOBase."""
        if size is None or size < 0:
            return self.readall()
        return self._read(size)

    def close(self) -> None:
        """See io.IOBase."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def _read(self, size: int) -> bytes:
        # libav continues after an error, and PyAV keeps only one pending exception.
        if self._has_failed:
            return b""

        try:
            with disk.WAITING:
                data = os.pread(self._descriptor, size, self._place)
        except OSError as error:
            if not is_system_fault(error):
                raise

            self._has_failed = True
            data = patiently(lambda: self._read_anew(size), self.name)
            self._has_failed = False

        self._place += len(data)
        return data

    def _read_anew(self, size: int) -> bytes:
        descriptor = disk.open_regular(self.name)
        os.close(self._descriptor)

        self._descriptor = descriptor
        if self._now() != self._version:
            raise StorageError(f"{self.name} was changed while it was read; repeat the command")

        with disk.WAITING:
            return os.pread(descriptor, size, self._place)

    def _now(self) -> tuple[int, int]:
        status = patiently(lambda: os.fstat(self._descriptor), self.name)
        return status.st_size, status.st_mtime_ns


def has_memory() -> bool:
    """Returns whether 256 MB can be allocated. If so, the file asked its decoder for too much."""
    try:
        bytearray(PROBE_BYTES)
    except MemoryError:
        return False

    return True
