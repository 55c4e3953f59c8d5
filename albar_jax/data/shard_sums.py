"""Verifies single shards of records against their SHA-256 sums; each process reads a shard once."""

import functools
import os
from collections.abc import Mapping
from typing import Literal

from albar_jax.data import checksums
from albar_jax.errors import StorageError
from albar_jax.storage import access

# A shard is verified in advance, and again if ArrayRecord cannot read one of its records.
Moment = Literal["in advance", "after a fault"]


def refuse_damaged(path: str, sums: Mapping[str, str] | None, moment: Moment) -> None:
    """Verifies a whole shard, unless this process has already done so at the same moment.

    Args:
      path: path of the shard.
      sums: file name -> sum, for the folder of the shard; None if there are no sums.
      moment: the reason for the verification.

    Raises:
      StorageError: its sum differs from the listed one, or the system failed to read it.
    """
    try:
        status = access.stat(path)
        # A file that was replaced is read again.
        stamp = status.st_size, status.st_mtime_ns
        actual = _digest(path, stamp, moment)
    except OSError as error:
        raise access.storage_error(path, error) from error

    # A shard without a listed sum counts as intact.
    expected = (sums or {}).get(os.path.basename(path), actual)
    if actual != expected:
        raise StorageError(checksums.damaged(path))


@functools.cache
def _digest(path: str, stamp: tuple[int, int], moment: Moment) -> str:
    """Returns the sum of a file; `stamp` and `moment` are only keys of the cache."""
    del stamp, moment
    return checksums.digest_of(path)
