"""A stream of batches read by threads or worker processes; it survives a video that kills a worker."""

import atexit
import logging
import signal
import weakref
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from albar_jax.data.check import check
from albar_jax.data.deadline import is_late
from albar_jax.data.failure_arrays import FAULT, text_of
from albar_jax.data.grain_stream import Example, Load, threaded
from albar_jax.data.in_flight import Watch
from albar_jax.data.worker_stream import WorkerStream
from albar_jax.errors import StorageError
from albar_jax.processes.worker import DeadWorkerError
from albar_jax.terminal.escapes import printable

CHECK_SECONDS = 60.0  # for a video that may have killed a worker

_OPEN: "weakref.WeakSet[Batches]" = weakref.WeakSet()


class Batches(Iterator[Example]):
    """A finite iterator of batches that records unreadable videos; close it, or use it as a context manager.

    A batch is a dict of arrays: video uint8 (b, T, H, W, 3); label int32 (b,); valid float32 (b,),
    0 for padding and for unreadable videos, whose frames are black; index int32 (b,), the row of
    the manifest, -1 for padding; and auxiliary inputs, see `aux_inputs`.

    When a worker process dies, each video that it was reading is read again in a separate process.
    Videos that also crash that process are unreadable from then on. The stream resumes at the next
    batch. Its other clips are bit-identical, because `load` is a pure function.

    Raises:
      StorageError: a worker died but no video caused it, or the system failed to read a video of the batch.
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
          workers: number of processes; 0 reads in threads of this one.
          threads: threads per process.
          banned: path -> reason, of videos that are not read.
          seconds: time limit for rereading a video that may have killed a worker; 0 for `CHECK_SECONDS`.
        """
        self.failures: dict[str, str] = {}  # path -> reason, of all batches so far
        self._load = load
        self._length = length
        self._size = size
        self._paths = paths
        self._workers = workers
        self._threads = threads
        self._done = 0
        self._banned: dict[str, str] = dict(banned or {})
        self._seconds = seconds or CHECK_SECONDS
        self._open()
        _OPEN.add(self)

    def __len__(self) -> int:
        return self._length

    def __next__(self) -> Example:
        while True:
            try:
                batch = next(self._iterator)
                break
            except DeadWorkerError as death:
                self._recover(death)
        self._done += 1
        return self._noted(batch)

    def _noted(self, batch: Example) -> Example:
        """Records why clips of a batch are unreadable; returns the batch without the clips of banned videos."""
        reasons = [text_of(reason) for reason in batch.pop("reason")]
        paths = [self._paths[index] if index >= 0 else "" for index in batch["index"]]
        for path, reason in zip(paths, reasons, strict=True):
            if reason.startswith(FAULT):
                raise StorageError(reason.removeprefix(FAULT))
            if reason:
                self.failures[path] = f"{path}: {reason}"
            if is_late(reason):
                self._banned[path] = reason

        # Another thread or worker may have read a clip of a slow video in time. From this batch on, no clip of it
        # counts: a resumed run bans the video at once and must give the same bits.
        in_time = [
            place for place, path in enumerate(paths) if path in self._banned and not reasons[place]
        ]
        return self._without(batch, in_time) if in_time else batch

    def _without(self, batch: Example, places: Sequence[int]) -> Example:
        """Returns a batch in which the clips at these positions are unreadable because their videos are banned."""
        batch = {name: np.array(values) for name, values in batch.items()}
        for place in places:
            blank = self._load((self._done - 1) * self._size + place, Watch(None, self._banned))
            reason = text_of(blank.pop("reason"))
            path = self._paths[batch["index"][place]]
            self.failures[path] = f"{path}: {reason}"
            for name, value in blank.items():
                batch[name][place] = value
        return batch

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """Stops threads and workers."""
        if self._iterator is not None:
            self._iterator.close()
            self._iterator = None

    def _open(self) -> None:
        """Starts reading at batch number `_done`."""
        positions = range(self._done * self._size, self._length * self._size)
        if not self._workers:
            watch = Watch(None, dict(self._banned))
            self._iterator = threaded(
                self._load, watch, positions, self._size, threads=self._threads
            )
            return

        self._iterator = WorkerStream(
            self._load,
            self._banned,
            positions,
            self._size,
            workers=self._workers,
            threads=self._threads,
        )

    def _recover(self, death: DeadWorkerError) -> None:
        """Bans the videos that killed a worker and restarts the workers; raises StorageError if there are none."""
        suspects = sorted({self._paths[row] for row in self._iterator.left_by(death.worker)})
        reading = f"it was reading {', '.join(suspects[:4])}; " if suspects else ""
        culprits = {}
        if not self._iterator.was_killed_from_outside(death):
            self._iterator.close()
            # This process killed the worker because native code blocked its interpreter; a video must be too slow.
            hung = death.exit_code == -signal.SIGKILL
            verdicts = check(suspects, jobs=1, deadline=self._seconds if hung else CHECK_SECONDS)
            culprits = {
                verdict.path: verdict.reason
                for verdict in verdicts
                if verdict.crashed or (hung and is_late(verdict.reason))
            }
            reading = reading.replace(";", "; these videos crash nothing when read alone;")
        if not culprits:
            raise StorageError(
                f"a data worker process died with exit code {death.exit_code}; {reading}if it ran out of memory, use "
                f"fewer workers; to see what crashes, use 0 workers"
            ) from death
        for path, reason in culprits.items():
            logging.warning(
                "a data worker crashed while reading %s; this video is left out from now on: %s",
                printable(path),
                printable(reason),
            )
        self._begin_without(culprits)

    def _begin_without(self, culprits: Mapping[str, str]) -> None:
        """Restarts the workers at the next batch without these videos: path -> reason."""
        self._iterator.close()
        self._banned |= culprits
        self._open()


@atexit.register
def close_all() -> None:
    """Closes all open streams.

    Called before exit, while the modules that closing needs still exist.
    """
    for batches in list(_OPEN):
        batches.close()
