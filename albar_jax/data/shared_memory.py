"""Decides whether workers send batches through shared memory or, if it is too small, pipes.

Docker containers have 64 MB of shared memory by default, and a process that writes to a full one is
killed. Pipes take about 2 ms longer for a clip of 32x224x224.
"""

import dataclasses
import os
from pathlib import Path

from albar_jax.escapes import notify
from albar_jax.files import free_bytes

FOLDER = Path("/dev/shm")
# The most batches that Grain holds per worker: ready, in progress and in use.
BATCHES_PER_WORKER = 7
LOCK_BYTES = 1 << 16
# Safety factor for other users of the memory and short-lived arrays.
RESERVE = 1.25


@dataclasses.dataclass
class _Reserved:
    """The bytes reserved by the open streams of this process."""

    size: int = 0
    has_warned: bool = False


_reserved = _Reserved()


def usable_workers(workers: int) -> int:
    """Returns `workers`, or 0 if there is no shared memory for their locks."""
    if not workers or (os.access(FOLDER, os.W_OK) and free_bytes(FOLDER) >= LOCK_BYTES):
        return workers
    notify(f"note: {FOLDER} cannot be written to; videos are read in threads of this process")
    return 0


def reserve(batch_bytes: int, workers: int) -> int:
    """Reserves shared memory for a stream of batches. Prints one note if there is too little.

    Args:
      batch_bytes: size of one batch.
      workers: number of worker processes.

    Returns:
      The bytes to pass to `release` later; 0 if batches must go through pipes.
    """
    needed = round(batch_bytes * workers * BATCHES_PER_WORKER * RESERVE)
    # Other streams may not have used all that they reserved.
    free = free_bytes(FOLDER) - _reserved.size
    if needed <= free:
        _reserved.size += needed
        return needed
    if not _reserved.has_warned:
        _reserved.has_warned = True
        size = -(-(_reserved.size + needed) // (1 << 30))
        notify(
            f"note: {FOLDER} has {max(free, 0) / 1e6:,.0f} MB free, and config.loader.workers={workers} needs up "
            f"to {needed / 1e6:,.0f} MB for batches of {batch_bytes / 1e6:,.0f} MB: batches go by pipes, a little "
            f"slower; give the container more, as in docker run --shm-size={size}g",
        )

    return 0


def release(size: int) -> None:
    """Releases the bytes that `reserve` returned."""
    _reserved.size -= size
