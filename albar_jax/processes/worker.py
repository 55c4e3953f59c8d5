"""Starts worker processes and waits for their messages.

It notices dead workers, and continues workers that a signal has stopped.
"""

import contextlib
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from multiprocessing import get_context, resource_tracker, util
from typing import Any, cast

import cloudpickle

from albar_jax.errors import StorageError
from albar_jax.processes.channel import Channel
from albar_jax.processes.lifeline import end_with, watch_the_parent
from albar_jax.processes.readable import wait_until_readable
from albar_jax.processes.stops import LOOK_SECONDS, Stops

# Seconds to wait for a killed process to end; it takes longer only while it waits for a disk.
_END_SECONDS = 5.0

Serve = Callable[..., None]


class DeadWorkerError(Exception):
    """An error for a worker process that ended without a request.

    Attributes:
      worker: the worker.
      exit_code: its exit status; if negative, the number of the signal that ended it.
    """

    def __init__(self, worker: "Worker"):
        super().__init__(f"worker process {worker.pid} ended with exit code {worker.exit_code}")
        self.worker = worker
        self.exit_code = worker.exit_code


class Failure:
    """An exception of a worker that is sent to the main process."""

    def __init__(self, error: Exception):
        text = "".join(traceback.format_exception(error))
        error.add_note(f"raised in worker process {os.getpid()}:\n{text}")

        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            error = RuntimeError(text)

        self.error = error


class Worker:
    """A process that calls `serve(channel, *shared)` and ends when the channel is closed.

    It ignores SIGINT and SIGTERM, because a terminal or a job sends them to all processes and the
    main process decides. It ends when the main process ends, even if that is killed.

    Args:
      serve: function that the process runs; it may be a closure.
      shared: objects that can only be passed to a starting process, such as `SharedArray`.
    """

    def __init__(self, serve: Serve, *shared: Any):
        own_end, worker_end = socket.socketpair()
        is_main_thread = threading.current_thread() is threading.main_thread()
        parent = os.getpid() if is_main_thread else None
        arguments = (worker_end, shared, parent)
        # Spawn instead of fork, because decoders and JAX do not survive a fork.
        self._process = get_context("spawn").Process(target=_main, args=arguments, daemon=True)
        self._channel = Channel(own_end)

        with worker_end, _no_signals(), _naming_a_full_machine():
            self._process.start()

        # Runs before `multiprocessing` waits at exit for processes that ignore its SIGTERM.
        self._finalize = util.Finalize(self, _end, (self._process, self._channel), exitpriority=1)
        self._stops = Stops(self.pid)
        # Sent by the channel: a large argument would block this process if the worker dies on
        # import.
        self.send(cloudpickle.dumps(serve))

    @property
    def pid(self) -> int:
        """Returns the process id."""
        # A process that was started has one.
        return cast(int, self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """Returns the exit status of a process that has ended."""
        self._process.join(_END_SECONDS)
        return self._process.exitcode

    @property
    def sentinel(self) -> int:
        """Returns a descriptor that is readable once the process has ended."""
        return self._process.sentinel

    def fileno(self) -> int:
        """Returns a descriptor that is readable once there is a message."""
        return self._channel.fileno()

    def send(self, value: Any) -> None:
        """Sends an object; if the process is dead, `wait` will report it."""
        with contextlib.suppress(ConnectionError):
            self._channel.send(value)

    def receive(self) -> Any:
        """Returns an object that has arrived; see `wait`.

        Raises:
          Exception: the exception of the worker.
          DeadWorkerError: the process has ended.
        """
        try:
            value = self._channel.receive()
        except EOFError:
            raise DeadWorkerError(self) from None

        if isinstance(value, Failure):
            raise value.error

        return value

    def kill(self) -> None:
        """Kills the process; `wait` will report it as dead."""
        self._process.kill()

    def hang_up(self) -> None:
        """Closes the channel; the process ends after its current task."""
        self._channel.close()

    def close(self, patience: float = 0.0) -> None:
        """Ends the process.

        Args:
          patience: seconds to wait for its current task.
        """
        self._channel.close()
        if patience:
            self._process.join(patience)

        self._finalize()

    def continue_if_stopped(self) -> None:
        """Continues the process if it has been stopped for several checks."""
        self._stops.look()


def wait(
    workers: Sequence[Worker], wanted: Collection[Worker], tend: Callable[[], None] = lambda: None
) -> list[Worker]:
    """Waits until at least one of the wanted workers has sent a message; returns all that have.

    Args:
      workers: all workers; the death of any one is detected.
      wanted: workers whose messages are needed.
      tend: called about once a second while waiting.

    Raises:
      DeadWorkerError: a worker has ended.
    """
    sentinels = {worker.sentinel: worker for worker in workers}
    while True:
        have_sent: list[Worker] = []
        for source in wait_until_readable([*sentinels, *wanted], LOOK_SECONDS):
            if isinstance(source, int):
                raise DeadWorkerError(sentinels[source])
            have_sent.append(source)

        if have_sent:
            return have_sent

        for worker in workers:
            worker.continue_if_stopped()

        tend()


def requests(channel: Channel) -> Iterator[Any]:
    """Yields the objects that the main process sends until it closes the channel."""
    with contextlib.suppress(EOFError):
        while True:
            yield channel.receive()


def _main(connection_: socket.socket, shared: Sequence[Any], parent: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    if parent is not None:
        end_with(parent)

    watch_the_parent()
    channel = Channel(connection_)

    # Either error means that the main process has closed the channel or has ended.
    with contextlib.suppress(EOFError, ConnectionError):
        pickled = channel.receive()
        try:
            cloudpickle.loads(pickled)(channel, *shared)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            channel.send(Failure(error))
            # Waits, past further requests, until the main process has read the failure and closes
            # the channel.
            while True:
                channel.receive()

    sys.stdout.flush()
    # Exits without waiting for threads, which may still be reading.
    os._exit(0)


def _end(process, channel: Channel) -> None:
    channel.close()
    # SIGKILL is the only signal that also ends a stopped process.
    process.kill()
    process.join(_END_SECONDS)


@contextlib.contextmanager
def _naming_a_full_machine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot start a worker process: {error.strerror}; use fewer workers"
        ) from error


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    """Blocks SIGINT and SIGTERM while a process starts, because it ignores them only later."""
    # Start multiprocessing's resource tracker first, because its start would unblock the signals.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})

    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
