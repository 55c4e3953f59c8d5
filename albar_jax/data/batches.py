"""Streams batches from threads or worker processes; a video that kills a worker is left out."""

import atexit
import signal
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np

from albar_jax.data.check import check
from albar_jax.data.failure_arrays import FAULT, text_of
from albar_jax.data.failures import FailureLog, is_late
from albar_jax.data.grain_stream import BatchStream, Examples, Load, read_in_threads
from albar_jax.data.in_flight import ReadTracker
from albar_jax.data.worker_stream import WorkerStream
from albar_jax.errors import StorageError
from albar_jax.processes.worker import DeadWorkerError
from albar_jax.terminal.escapes import notify

# Time limit in seconds for rereading a video that may have killed a worker.
CHECK_SECONDS = 60.0

_OPEN: "weakref.WeakSet[Batches]" = weakref.WeakSet()


class Batches(Iterator[Examples]):
    """A finite iterator of batches that logs unreadable videos.

    Close it, or use it as a context manager. A batch is a dict of arrays:

    - video: uint8 (b, T, H, W, 3).
    - label: int32 (b,).
    - valid: float32 (b,), 0 for padding and for unreadable videos, whose frames are black.
    - index: int32 (b,), the row of the manifest, -1 for padding.
    - auxiliary inputs, see `aux_inputs`.

    When a worker process dies, each video that it was reading is read again in a separate process.
    Videos that also crash that process are unreadable from then on. The stream resumes at the next
    batch. Its other clips are bit-identical, because `load` is a pure function.

    Attributes:
      failures: the unreadable videos of all batches so far.

    Raises:
      StorageError: a worker died and no video caused it, or the system failed to read a video of
        the batch.
    """

    def __init__(
        self,
        load: Load,
        length: int,
        size: int,
        paths: Sequence[str],
        *,
        workers: int,
        threads: int,
        banned: Mapping[str, str] | None = None,
        seconds: float = 0.0,
    ):
        """Starts reading.

        Args:
          load: returns one example; a pure function.
          length: number of batches.
          size: examples per batch.
          paths: paths of the videos by row of the manifest.
          workers: number of processes; 0 reads in threads of this process.
          threads: threads per process.
          banned: path -> reason, of videos that are not read.
          seconds: time limit for rereading a video that may have killed a worker; 0 for
            `CHECK_SECONDS`.
        """
        self.failures = FailureLog()
        self._load = load
        self._length = length
        self._size = size
        self._paths = paths
        self._workers = workers
        self._threads = threads
        self._banned: dict[str, str] = dict(banned or {})
        self._seconds = seconds or CHECK_SECONDS
        # Number of batches that the caller has received.
        self._done = 0

        self._iterator: WorkerStream | BatchStream | None = None
        self._open()
        _OPEN.add(self)

    def __len__(self) -> int:
        return self._length

    def __next__(self) -> Examples:
        if self._iterator is None:
            raise TypeError("the batches are closed; create new ones")

        while True:
            try:
                batch = next(self._iterator)
                break
            except DeadWorkerError as death:
                self._recover(death)

        self._done += 1

        return self._log_failures(batch)

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """Stops threads and workers."""
        if self._iterator is not None:
            self._iterator.close()
            self._iterator = None

    def _log_failures(self, batch: Examples) -> Examples:
        """Logs the unreadable clips of a batch; returns it without the clips of banned videos."""
        reasons = [text_of(reason) for reason in batch.pop("reason")]
        rows = map(int, batch["index"])
        # Padding has no path.
        paths = [self._paths[row] if row >= 0 else "" for row in rows]

        for path, reason in zip(paths, reasons, strict=True):
            if reason.startswith(FAULT):
                raise StorageError(reason.removeprefix(FAULT))
            if reason:
                self.failures.add(path, reason)
            if is_late(reason):
                self._banned[path] = reason

        # Another thread or worker may have read a clip of a slow video in time. From this batch on,
        # no clip of it counts: a resumed run bans the video at once and must give the same bits.
        in_time = []
        for place, path in enumerate(paths):
            if path in self._banned and not reasons[place]:
                in_time.append(place)

        if not in_time:
            return batch
        return self._blank(batch, in_time)

    def _blank(self, batch: Examples, places: Sequence[int]) -> Examples:
        """Returns a batch in which the clips at these places are unreadable.

        Their videos are banned, so `load` gives a blank example for them.
        """
        batch = {name: np.array(values) for name, values in batch.items()}
        first_position = (self._done - 1) * self._size
        tracker = ReadTracker(None, self._banned)

        for place in places:
            blank = self._load(first_position + place, tracker)
            path = self._paths[int(batch["index"][place])]
            self.failures.add(path, text_of(blank.pop("reason")))
            for name, value in blank.items():
                batch[name][place] = value

        return batch

    def _open(self) -> None:
        """Starts reading at batch number `_done`."""
        positions = range(self._done * self._size, self._length * self._size)

        if self._workers:
            self._iterator = WorkerStream(
                self._load,
                self._banned,
                positions,
                self._size,
                workers=self._workers,
                threads=self._threads,
            )
        else:
            tracker = ReadTracker(None, dict(self._banned))
            self._iterator = read_in_threads(
                self._load, tracker, positions, self._size, threads=self._threads
            )

    def _recover(self, death: DeadWorkerError) -> None:
        """Bans the videos that killed a worker and restarts the workers.

        Raises:
          StorageError: no video killed the worker.
        """
        # Only a stream with workers raises DeadWorkerError.
        stream = cast(WorkerStream, self._iterator)
        rows = stream.left_by(death.worker)
        suspects = sorted({self._paths[row] for row in rows})
        was_killed_from_outside = stream.was_killed_from_outside(death)
        culprits = {}

        if not was_killed_from_outside:
            # Ends the workers first, so that the check has the memory and the cores.
            stream.close()
            culprits = self._find_culprits(suspects, death)
        if not culprits:
            were_checked = not was_killed_from_outside
            raise _unexplained(death, suspects, were_checked=were_checked) from death

        for path, reason in culprits.items():
            notify(
                f"a data worker crashed while reading {path}; this video is left out from now on: "
                f"{reason}"
            )
        self._restart_without(culprits)

    def _find_culprits(self, suspects: Sequence[str], death: DeadWorkerError) -> dict[str, str]:
        """Reads each suspect alone and returns path -> reason of the videos that fail again."""
        # This process kills a worker only if native code blocked its interpreter. The video that
        # caused it must be too slow.
        hung = death.exit_code == -signal.SIGKILL
        seconds = CHECK_SECONDS
        if hung:
            seconds = self._seconds

        culprits = {}
        for verdict in check(suspects, jobs=1, deadline=seconds):
            if verdict.crashed or (hung and is_late(verdict.reason)):
                culprits[verdict.path] = verdict.reason

        return culprits

    def _restart_without(self, culprits: Mapping[str, str]) -> None:
        """Restarts the workers at the next batch without these videos: path -> reason."""
        self.close()
        self._banned |= culprits
        self._open()


def _unexplained(
    death: DeadWorkerError, suspects: Sequence[str], *, were_checked: bool
) -> StorageError:
    """Returns the error for a worker that no video killed.

    Args:
      death: the death of the worker.
      suspects: paths of the videos that it was reading.
      were_checked: whether each of them was read again alone.
    """
    reading = ""
    if suspects:
        reading = f"it was reading {', '.join(suspects[:4])}; "
    if suspects and were_checked:
        reading += "these videos crash nothing when read alone; "

    return StorageError(
        f"a data worker process died with exit code {death.exit_code}; {reading}if it ran out of "
        "memory, use fewer workers; to see what crashes, use 0 workers"
    )


@atexit.register
def close_all() -> None:
    """Closes all open streams.

    Called before exit, while the modules that closing needs still exist.
    """
    for batches in list(_OPEN):
        batches.close()
