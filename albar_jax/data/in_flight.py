"""Records which videos are being read, so that the videos of a dead worker can be named."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator

import numpy as np

from albar_jax.data.readers.base import DecodeError
from albar_jax.processes.shared_array import SharedArray

# Concurrent reads that one worker can record; further reads are not recorded.
_SLOTS = 256


class InFlight:
    """A record of the videos that the threads of one worker are reading.

    The record is in shared memory, so it survives the death of the worker.

    Args:
      array: shared memory, int64; None allocates it.

    Attributes:
      array: shared memory, int64 (256,): the row of the manifest plus 1, or 0 for a free slot.
    """

    def __init__(self, array: SharedArray | None = None):
        self.array = array or SharedArray((_SLOTS,), np.int64)
        self._lock = threading.Lock()

    def rows(self) -> list[int]:
        """Returns the rows that are being read, or were when the worker died, ascending."""
        slots = self.array.values.copy()
        return [int(row) - 1 for row in np.sort(slots[slots > 0])]

    @contextlib.contextmanager
    def reading(self, row: int) -> Iterator[None]:
        """Records that a row is being read."""
        slot = self._take_slot(row)

        try:
            yield
        finally:
            if slot is not None:
                self.array.values[slot] = 0

    def _take_slot(self, row: int) -> int | None:
        """Writes the row into a free slot and returns the slot's number; None if all are taken."""
        with self._lock:
            free = np.flatnonzero(self.array.values == 0)
            if not free.size:
                return None

            slot = int(free[0])
            self.array.values[slot] = row + 1

        return slot


@dataclasses.dataclass(frozen=True)
class ReadTracker:
    """The state that all reading threads of one process share.

    Attributes:
      in_flight: record of the videos that are being read; None if it is not needed.
      banned: path -> reason, of videos that killed a worker or were too slow. They are not read
        again.
    """

    in_flight: InFlight | None
    banned: dict[str, str]

    def ban(self, path: str, reason: str) -> None:
        """Prevents the threads of this process from reading a video again."""
        self.banned[path] = reason

    @contextlib.contextmanager
    def reading(self, row: int, path: str) -> Iterator[None]:
        """Records that a row of the manifest is being read.

        Raises:
          DecodeError: the video is banned.
        """
        if path in self.banned:
            raise DecodeError(f"{path}: {self.banned[path]}")

        record = contextlib.nullcontext()
        if self.in_flight is not None:
            record = self.in_flight.reading(row)

        with record:
            yield
