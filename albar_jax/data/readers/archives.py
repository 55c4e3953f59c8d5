"""Reads zip archives whose directory may contain wrong sizes."""

import io
import struct
import zipfile

from albar_jax.storage.budget import BudgetError
from albar_jax.storage.seekable import SeekableFile

# Bytes of an archive's directory, enough for a million members. zipfile makes an object of about 1
# KB for each.
MAX_DIRECTORY = 1 << 26
# Allowed compressions. zipfile unpacks all others completely, whatever size is requested.
BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# Signatures of the end record, of the end record for large archives, and of its locator.
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x06"
_LOCATOR_64 = b"PK\x06\x07"
# Sizes of these records, in bytes.
_END_SIZE = 22
_END_64_SIZE = 56
_LOCATOR_64_SIZE = 20
# Maximum size of the comment after the end record, in bytes.
_COMMENT = 1 << 16


def check_directory(file: SeekableFile) -> None:
    """Raises BudgetError if the directory of an archive is too large."""
    size = _directory_size(file)
    file.seek(0)
    if size > MAX_DIRECTORY:
        raise BudgetError(f"its directory has {size:,} bytes; the limit is {MAX_DIRECTORY:,}")


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Returns the bytes of a member; never uses more memory than its directory entry claims.

    `ZipFile.read` would first unpack the whole member and then cut it to that size.

    Raises:
      zipfile.BadZipFile: it is damaged.
    """
    with archive.open(info) as member:
        data = member.read(info.file_size)
        # zipfile verifies the checksum when it reads past the end.
        member.read(1)

    if len(data) < info.file_size:
        raise zipfile.BadZipFile("it is cut off")
    return data


def _directory_size(file: SeekableFile) -> int:
    """Returns the size of the directory in bytes, as zipfile finds it; 0 if there is none."""
    end = file.seek(0, io.SEEK_END)
    start = max(0, end - _END_SIZE - _COMMENT)
    file.seek(start)
    tail = file.read(end - start)

    at = tail.rfind(_END)
    # zipfile itself refuses such a file.
    if at < 0 or at + _END_SIZE > len(tail):
        return 0

    (size,) = struct.unpack_from("<L", tail, at + 12)
    locator = at - _LOCATOR_64_SIZE
    if tail[locator : locator + 4] != _LOCATOR_64:
        return size

    # zipfile also expects the record right before its locator, whatever the locator says.
    file.seek(max(0, start + locator - _END_64_SIZE))
    record = file.read(_END_64_SIZE)
    if record[:4] != _END_64:
        (offset,) = struct.unpack_from("<Q", tail, locator + 8)
        file.seek(min(offset, end))
        record = file.read(_END_64_SIZE)

    if record[:4] != _END_64 or len(record) != _END_64_SIZE:
        return size
    return struct.unpack_from("<Q", record, 40)[0]
