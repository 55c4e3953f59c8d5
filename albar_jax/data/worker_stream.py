"""Applies a function to positions in n worker processes; each makes every n-th batch."""

import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from albar_jax.data.grain_stream import Example, Load, threaded
from albar_jax.data.in_flight import Notes, Watch
from albar_jax.processes.channel import Channel
from albar_jax.processes.shared_array import SharedArray
from albar_jax.processes.stops import is_stopped
from albar_jax.processes.worker import DeadWorkerError, Worker, requests, wait

# Finished batches of a worker that wait to be used.
_AHEAD = 2
# Seconds between two heartbeats of a worker.
_BEAT_SECONDS = 1.0
# Checks, about one per second, without a heartbeat before a worker is killed: native code blocks its interpreter.
_SILENT_LOOKS = 60


class WorkerStream(Iterator[Example]):
    """A finite iterator of batches in order, made by worker processes.

    Args:
      load: returns one example; a pure function.
      banned: path -> reason, of videos that are not read.
      positions: positions of all batches, `size` each.
      size: examples per batch.
      workers: number of processes, at least 1.
      threads: threads per process.

    Raises:
      DeadWorkerError: a worker died; the stream cannot be used any more.
    """

    def __init__(
        self,
        load: Load,
        banned: Mapping[str, str],
        positions: range,
        size: int,
        *,
        workers: int,
        threads: int,
    ):
        self._count = len(positions) // size
        self._taken = 0
        self._shares: list[_Share] = []
        workers = min(workers, max(1, self._count))
        for number in range(workers):
            share = slice(number, None, workers)
            serve = functools.partial(_serve, load, dict(banned), positions, size, share, threads)
            self._shares.append(_Share(serve))

        for number in range(min(_AHEAD * workers, self._count)):
            self._share(number).worker.send(None)

    def __next__(self) -> Example:
        if self._taken == self._count:
            self.close()
            raise StopIteration

        worker = self._share(self._taken).worker
        wait([share.worker for share in self._shares], [worker], self._look)
        batch = worker.receive()
        self._taken += 1
        # The next batch of this worker that has not been requested.
        if self._taken - 1 + _AHEAD * len(self._shares) < self._count:
            worker.send(None)
        return batch

    def left_by(self, worker: Worker) -> list[int]:
        """Returns the rows of the videos that a worker was reading when it died."""
        return [
            row for share in self._shares if share.worker is worker for row in share.notes.rows()
        ]

    def was_killed_from_outside(self, death: DeadWorkerError) -> bool:
        """Returns whether the kernel (out of memory) or a user killed the worker; a video cannot cause this."""
        was_silent = any(share.was_silent for share in self._shares if share.worker is death.worker)
        return death.exit_code == -signal.SIGKILL and not was_silent

    def close(self) -> None:
        """Ends the workers."""
        for share in self._shares:
            share.worker.close()

    def _share(self, number: int) -> "_Share":
        return self._shares[number % len(self._shares)]

    def _look(self) -> None:
        for share in self._shares:
            share.end_if_silent()


class _Share:
    """A worker, the videos that it is reading, and its heartbeat."""

    def __init__(self, serve: Callable[..., None]):
        self.notes = Notes()
        self._beats = SharedArray((1,), float)
        self._last_beat = 0.0
        self._silent_looks = 0
        # Whether this process killed the worker.
        self.was_silent = False
        self.worker = Worker(serve, self.notes.array, self._beats)

    def end_if_silent(self) -> None:
        """Kills a running worker that sends no heartbeat; `wait` then reports it as dead."""
        beat = float(self._beats.values[0])
        # It has not started yet, or it is stopped.
        if beat == 0 or beat != self._last_beat or is_stopped(self.worker.pid):
            self._silent_looks = 0
        self._last_beat = beat
        self._silent_looks += 1
        if self._silent_looks > _SILENT_LOOKS:
            self.was_silent = True
            self.worker.kill()


def _serve(
    load: Load,
    banned: Mapping[str, str],
    positions: range,
    size: int,
    share: slice,
    threads: int,
    channel: Channel,
    notes: SharedArray,
    beats: SharedArray,
) -> None:
    """Sends a batch for each request; runs in the worker."""
    threading.Thread(target=_beat, args=(beats,), daemon=True).start()
    batches = threaded(
        load, Watch(Notes(notes), dict(banned)), positions, size, threads=threads, share=share
    )
    for _ in requests(channel):
        channel.send(next(batches))


def _beat(beats: SharedArray) -> None:
    while True:
        beats.values[0] = time.monotonic()
        time.sleep(_BEAT_SECONDS)
