"""Knows which videos are being read right now, so that those which a dead worker leaves behind can be named."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator

import numpy as np

from albar_jax.data.readers.base import DecodeError
from albar_jax.processes.shared_array import SharedArray

# Number of concurrent reads that one worker can record; more are not recorded.
_SLOTS = 256


class Notes:
    """Records the videos that the threads of one worker are reading; it survives the death of the worker."""

    def __init__(self, array: SharedArray | None = None):
        # The row of the manifest plus 1, 0 for a free slot.
        self.array = array or SharedArray((_SLOTS,), np.int64)
        self._lock = threading.Lock()

    def rows(self) -> list[int]:
        """Returns the rows of the videos that are being read, or were when the worker died, in ascending order."""
        slots = self.array.values.copy()
        return [int(row) - 1 for row in np.sort(slots[slots > 0])]

    @contextlib.contextmanager
    def reading(self, row: int) -> Iterator[None]:
        """Records that row `row` is being read."""
        with self._lock:
            free = np.flatnonzero(self.array.values == 0)
            slot = int(free[0]) if free.size else None
            if slot is not None:
                self.array.values[slot] = row + 1
        try:
            yield
        finally:
            if slot is not None:
                self.array.values[slot] = 0


@dataclasses.dataclass(frozen=True)
class Watch:
    """State shared by the threads of one process.

    Attributes:
      notes: record of the videos that are being read; None if it is not needed.
      banned: path -> reason, of videos that killed a worker or were too slow; they are not read again.
    """

    notes: Notes | None
    banned: dict[str, str]

    def ban(self, path: str, reason: str) -> None:
        """Prevents the threads of this process from reading a video again."""
        self.banned[path] = reason

    @contextlib.contextmanager
    def reading(self, row: int, path: str) -> Iterator[None]:
        """Notes that row `row` of the manifest is being read; raises DecodeError for a banned video."""
        if path in self.banned:
            raise DecodeError(f"{path}: {self.banned[path]}")
        with contextlib.nullcontext() if self.notes is None else self.notes.reading(row):
            yield
