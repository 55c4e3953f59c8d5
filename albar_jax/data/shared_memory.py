"""How batches come from worker processes: by shared memory where there is enough of it, by pipes elsewhere.

A container of Docker has 64 MB of shared memory unless it is told otherwise, and a process that writes to a full one is
killed. Pipes need none, and cost about 2 ms more for a clip of 32 frames of 224 x 224.
"""

import dataclasses
import os
import sys
from pathlib import Path

from albar_jax.files import free_bytes

FOLDER = Path("/dev/shm")
BATCHES_PER_WORKER = 7  # that Grain holds at most: those ready, in the making and in use
LOCK_BYTES = 1 << 16
RESERVE = 1.25  # for the other users of the memory, and for what is in it for a moment


@dataclasses.dataclass
class _Reserved:
    """The bytes that the open streams of this process may use."""

    size: int = 0
    has_warned: bool = False


_reserved = _Reserved()


def usable_workers(workers: int) -> int:
    """Returns `workers`, or 0 where none can be started: they need a little shared memory for their locks."""
    if not workers or (os.access(FOLDER, os.W_OK) and free_bytes(FOLDER) >= LOCK_BYTES):
        return workers
    print(f"note: {FOLDER} cannot be written to; videos are read in threads of this process", file=sys.stderr)
    return 0


def reserve(batch_bytes: int, workers: int) -> int:
    """Reserves the shared memory that a stream of batches may use.

    Says once, on stderr, if there is too little.

    Args:
      batch_bytes: of a batch.
      workers: processes that make batches.

    Returns:
      The bytes to give to `release` later; 0 where batches have to go by pipes.
    """
    needed = round(batch_bytes * workers * BATCHES_PER_WORKER * RESERVE)
    # What other streams have reserved they may not have used yet.
    free = free_bytes(FOLDER) - _reserved.size
    if needed <= free:
        _reserved.size += needed
        return needed
    if not _reserved.has_warned:
        _reserved.has_warned = True
        size = -(-(_reserved.size + needed) // (1 << 30))
        print(
            f"note: {FOLDER} has {max(free, 0) / 1e6:,.0f} MB free, and config.loader.workers={workers} needs up "
            f"to {needed / 1e6:,.0f} MB for batches of {batch_bytes / 1e6:,.0f} MB: batches go by pipes, a little "
            f"slower; give the container more, as in docker run --shm-size={size}g",
            file=sys.stderr,
            flush=True,
        )
    return 0


def release(size: int) -> None:
    """Gives back what `reserve` returned."""
    _reserved.size -= size
