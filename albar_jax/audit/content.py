"""Identifies the content of a video, so that equal clips are asked about once."""

import hashlib
import os

from albar_jax.data import checksums, records
from albar_jax.data.readers import frames
from albar_jax.data.readers.base import DecodeError, reason_of
from albar_jax.storage import access


def digest_of(path: str) -> str:
    """Returns the SHA-256 of a video: a file, a record, or a folder of pictures.

    Raises:
      DecodeError: the path is wrong.
      StorageError: the system failed to read it.
    """
    if records.is_record(path):
        return hashlib.sha256(records.read(path)).hexdigest()
    try:
        if access.is_folder(path):
            return _digest_of_folder(path)
        return checksums.digest_of(path)
    except OSError as error:
        raise DecodeError(f"{path}: {reason_of(error)}") from error


def _digest_of_folder(path: str) -> str:
    """Returns the digest of the names and contents of the pictures in a folder."""
    digest = hashlib.sha256()
    names = access.patiently(lambda: frames.list_frames(path), path)
    for name in sorted(names):
        file = checksums.digest_of(os.path.join(path, name))
        digest.update(f"{ascii(name)} {file}\n".encode())
    return digest.hexdigest()
