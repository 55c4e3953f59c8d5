"""Reads single records of ArrayRecord shards, which each process opens once and keeps open."""

import functools
import os

from albar_jax.data import shard_sums
from albar_jax.data.record_folder import INFO, Shard, folder_of
from albar_jax.errors import StorageError
from albar_jax.storage import disk


def read_video(shard: Shard, number: int) -> bytes:
    """Returns the encoded video of a record.

    ArrayRecord verifies its own checksum of the record. After a mismatch, the sum of the whole
    shard is verified, and the record is read again.

    Args:
      shard: the shard.
      number: number of the record in the shard.

    Raises:
      StorageError: the shard is damaged, or the system failed to read it.
      RuntimeError: the record is damaged, but the sum of the shard is correct or unknown.
      ValueError: the record does not hold a video.
    """
    try:
        return _read(shard, number)
    # array_record raises only RuntimeError, for damage and for storage faults.
    except RuntimeError:
        _refuse_damaged(shard)

    # The shard may have been replaced in the meantime.
    close_shards()
    return _read(shard, number)


def close_shards() -> None:
    """Closes all shards of this process."""
    _reader.cache_clear()


def _read(shard: Shard, number: int) -> bytes:
    # Imported here, because a program that only starts workers does not need it.
    from albar_jax.data.record_example import video_of

    # Opened first, because `WAITING` does not nest.
    reader = _reader(shard)
    # The reader unpacks in the same call, so that time counts as the disk's, too.
    with disk.WAITING:
        return video_of(reader.read([number])[0])


@functools.cache
def _reader(shard: Shard):
    """Opens a shard.

    Raises:
      RuntimeError: the shard is damaged.
      StorageError: its number of records is wrong.
    """
    from array_record.python.array_record_module import ArrayRecordReader

    # The same options as in tensorflow-datasets: reads single records in random order.
    with disk.WAITING:
        reader = ArrayRecordReader(
            shard.path, options="readahead_buffer_size:0", file_reader_buffer_size=32768
        )

    if reader.num_records() != shard.length:
        _refuse_damaged(shard)
        raise StorageError(
            f"{shard.path} has {reader.num_records()} records, but {INFO} in the same folder says "
            f"{shard.length}; copy or pack the data set again"
        )

    return reader


def _refuse_damaged(shard: Shard) -> None:
    """Verifies the sum of a shard after a fault. Raises StorageError if it is damaged."""
    sums = folder_of(os.path.dirname(shard.path)).sums
    shard_sums.refuse_damaged(shard.path, sums, "after a fault")


@functools.cache
def _user() -> int:
    """Returns the id of the process that used records first."""
    return os.getpid()


def stay_in_one_process() -> None:
    """Raises RuntimeError after a fork, which the threads of array_record do not survive."""
    if _user() != os.getpid():
        raise RuntimeError(
            "this process was forked from one that had used records; start it by spawn instead"
        )
