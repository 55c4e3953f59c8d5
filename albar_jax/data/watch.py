"""Knows which videos are being read right now, so that those which a dead worker leaves behind can be named."""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator

import numpy as np

from albar_jax.data.readers.base import DecodeError
from albar_jax.processes.shared_array import SharedArray

# Readings at the same time that one worker can note; more go unnoted.
_SLOTS = 256
# The row of the manifest plus 1, 0 for a free slot; and `time.monotonic()` when its reading began.
_SLOT = np.dtype([("row", np.int64), ("since", np.float64)])


@dataclasses.dataclass(frozen=True)
class Reading:
    """A video that is being read.

    Attributes:
      row: its row of the manifest.
      since: when that began, as `time.monotonic()`, which all processes of a machine share.
    """

    row: int
    since: float


class Notes:
    """What the threads of one worker are reading. Outlives the worker."""

    def __init__(self, array: SharedArray | None = None):
        self.array = array or SharedArray((_SLOTS,), _SLOT)
        self._lock = threading.Lock()

    def readings(self) -> list[Reading]:
        """Returns the videos that are being read, or were when the worker died, by row."""
        slots = self.array.values.copy()
        return [Reading(int(row) - 1, float(since)) for row, since in np.sort(slots[slots["row"] > 0])]

    @contextlib.contextmanager
    def reading(self, row: int) -> Iterator[None]:
        """Notes that row `row` is being read."""
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
    """What the threads of one process share.

    Attributes:
      notes: where each video that is being read is noted; None if nobody needs to know.
      banned: path -> reason of the videos that killed a worker or were late; they are not read again.
    """

    notes: Notes | None
    banned: dict[str, str]

    def ban(self, path: str, reason: str) -> None:
        """Has the threads of this process not read a video again."""
        self.banned[path] = reason

    @contextlib.contextmanager
    def reading(self, row: int, path: str) -> Iterator[None]:
        """Notes that row `row` of the manifest is being read; raises DecodeError for a banned video."""
        if path in self.banned:
            raise DecodeError(f"{path}: {self.banned[path]}")
        with contextlib.nullcontext() if self.notes is None else self.notes.reading(row):
            yield
