"""Reads batches in n worker processes; each process reads every n-th batch."""

import dataclasses
import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from albar_jax.data.grain_stream import Examples, Load, read_in_threads
from albar_jax.data.in_flight import InFlight, ReadTracker
from albar_jax.processes.channel import Channel
from albar_jax.processes.shared_array import SharedArray
from albar_jax.processes.stops import is_stopped
from albar_jax.processes.worker import DeadWorkerError, Worker, requests, wait

# Finished batches of a worker that wait to be used.
_AHEAD = 2
# Seconds between two heartbeats of a worker.
_BEAT_SECONDS = 1.0
# Checks without a heartbeat, about one per second, before a worker is killed. A worker is silent if
# native code blocks its interpreter.
_SILENT_CHECKS = 60


class WorkerStream(Iterator[Examples]):
    """A finite iterator of batches in order, read by worker processes.

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
            job = _Job(load, dict(banned), positions, size, share, threads)
            self._shares.append(_Share(functools.partial(_serve, job)))

        for number in range(min(_AHEAD * workers, self._count)):
            self._share(number).worker.send(None)

    def __next__(self) -> Examples:
        if self._taken == self._count:
            self.close()
            raise StopIteration

        workers = [share.worker for share in self._shares]
        worker = self._share(self._taken).worker
        wait(workers, [worker], self._check_heartbeats)
        batch = worker.receive()
        self._taken += 1

        # Requests the next batch of this worker, if there is one.
        requested = self._taken - 1 + _AHEAD * len(self._shares)
        if requested < self._count:
            worker.send(None)

        return batch

    def left_by(self, worker: Worker) -> list[int]:
        """Returns the rows of the videos that a worker was reading when it died."""
        rows = []
        for share in self._shares:
            if share.worker is worker:
                rows += share.in_flight.rows()
        return rows

    def was_killed_from_outside(self, death: DeadWorkerError) -> bool:
        """Returns whether the kernel (out of memory) or a user killed the worker.

        A video cannot cause this.
        """
        was_silent = any(share.was_silent for share in self._shares if share.worker is death.worker)
        return death.exit_code == -signal.SIGKILL and not was_silent

    def close(self) -> None:
        """Ends the workers."""
        for share in self._shares:
            share.worker.close()

    def _share(self, number: int) -> "_Share":
        """Returns the share to which a batch belongs."""
        return self._shares[number % len(self._shares)]

    def _check_heartbeats(self) -> None:
        for share in self._shares:
            share.end_if_silent()


class _Share:
    """A worker, the videos that it is reading, and its heartbeat.

    Attributes:
      was_silent: whether this process killed the worker because its heartbeat stopped.
    """

    def __init__(self, serve: Callable[..., None]):
        self.in_flight = InFlight()
        self.was_silent = False
        self._beats = SharedArray((1,), float)
        self._last_beat = 0.0
        self._silent_checks = 0
        self.worker = Worker(serve, self.in_flight.array, self._beats)

    def end_if_silent(self) -> None:
        """Kills a running worker that sends no heartbeat; `wait` then reports it as dead."""
        beat = float(self._beats.values[0])

        # A heartbeat of 0 means that the worker has not started yet. A stopped worker cannot send
        # one.
        if beat == 0 or beat != self._last_beat or is_stopped(self.worker.pid):
            self._silent_checks = 0
        self._last_beat = beat

        self._silent_checks += 1
        if self._silent_checks > _SILENT_CHECKS:
            self.was_silent = True
            self.worker.kill()


@dataclasses.dataclass(frozen=True)
class _Job:
    """The arguments of `read_in_threads` for one worker."""

    load: Load
    banned: Mapping[str, str]
    positions: range
    size: int
    share: slice
    threads: int


def _serve(job: _Job, channel: Channel, in_flight: SharedArray, beats: SharedArray) -> None:
    """Sends a batch for each request; runs in the worker."""
    threading.Thread(target=_beat, args=(beats,), daemon=True).start()

    tracker = ReadTracker(InFlight(in_flight), dict(job.banned))
    batches = read_in_threads(
        job.load, tracker, job.positions, job.size, threads=job.threads, share=job.share
    )
    for _ in requests(channel):
        channel.send(next(batches))


def _beat(beats: SharedArray) -> None:
    while True:
        beats.values[0] = time.monotonic()
        time.sleep(_BEAT_SECONDS)
