"""Knows which videos are being read right now, so that those which a dead worker leaves behind can be named."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator

import numpy as np

from albar_jax.data.readers.base import DecodeError
from albar_jax.processes.shared_array import SharedArray

# Number of concurrent reads that one worker can record; more are not recorded.
_SLOTS = 256
# A slot: the row of the manifest plus 1, or 0 if the slot is free; and `time.monotonic()` at the start of the read.
_SLOT = np.dtype([("row", np.int64), ("since", np.float64)])


@dataclasses.dataclass(frozen=True)
class Reading:
    """A video that is being read.

    Attributes:
      row: its row of the manifest.
      since: start of the read in `time.monotonic()`, which is the same clock in all processes of a machine.
    """

    row: int
    since: float


class Notes:
    """Records the videos that the threads of one worker are reading; it survives the death of the worker."""

    def __init__(self, array: SharedArray | None = None):
        self.array = array or SharedArray((_SLOTS,), _SLOT)
        self._lock = threading.Lock()

    def readings(self) -> list[Reading]:
        """Returns the videos that are being read, or were being read when the worker died, sorted by row."""
        slots = self.array.values.copy()
        return [Reading(int(row) - 1, float(since)) for row, since in np.sort(slots[slots["row"] > 0])]

    @contextlib.contextmanager
    def reading(self, row: int) -> Iterator[None]:
        """Records that row `row` is being read."""
        with self._lock:
            free = np.flatnonzero(self.array.values["row"] == 0)
            slot = int(free[0]) if free.size else None
            if slot is not None:
                self.array.values[slot] = (row + 1, time.monotonic())
        try:
            yield
        finally:
            if slot is not None:
                self.array.values[slot] = (0, 0.0)


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
