"""Starts worker processes, waits for their messages, notices their death, and continues those that were stopped."""

import contextlib
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from multiprocessing import connection, get_context, resource_tracker, util
from typing import Any

import cloudpickle

from albar_jax.errors import StorageError
from albar_jax.processes.channel import Channel
from albar_jax.processes.lifeline import end_with, watch_the_parent
from albar_jax.processes.stops import LOOK_SECONDS, Stops

# Time for a killed process to end; longer only if it waits for a disk.
_END_SECONDS = 5.0

Serve = Callable[..., None]


class DeadWorkerError(Exception):
    """Raised if a worker process ended without being asked to.

    Attributes:
      worker: the worker.
      exit_code: its exit status; negative, the signal that ended it.
    """

    def __init__(self, worker: "Worker"):
        super().__init__(f"worker process {worker.pid} ended with exit code {worker.exit_code}")
        self.worker = worker
        self.exit_code = worker.exit_code


class Failure:
    """An exception in a worker, on its way to the main process."""

    def __init__(self, error: Exception):
        text = "".join(traceback.format_exception(error))
        error.add_note(f"raised in worker process {os.getpid()}:\n{text}")
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            error = RuntimeError(text)
        self.error = error


class Worker:
    """A process that calls `serve(channel, *shared)` and ends when the channel ends.

    It ignores SIGINT and SIGTERM, which reach all processes of a terminal or a job: the main process
    decides. It ends with the main process, however that ends.

    Args:
      serve: what the process does; closures are sent, too.
      shared: objects that only a starting process can be given, such as `SharedArray`.
    """

    def __init__(self, serve: Serve, *shared: Any):
        mine, other = socket.socketpair()
        is_main_thread = threading.current_thread() is threading.main_thread()
        arguments = (other, shared, os.getpid() if is_main_thread else None)
        # Spawned, not forked: decoders and JAX do not survive a fork.
        self._process = get_context("spawn").Process(target=_main, args=arguments, daemon=True)
        self._channel = Channel(mine)
        with other, _no_signals(), _naming_a_full_machine():
            self._process.start()
        # Before `multiprocessing` waits at exit for processes that ignore its SIGTERM.
        self._finalize = util.Finalize(self, _end, (self._process, self._channel), exitpriority=1)
        self._stops = Stops(self._process.pid)
        # By the channel: a large argument of a process that dies on import would block its starter.
        self.send(cloudpickle.dumps(serve))

    @property
    def pid(self) -> int:
        """Returns the process number."""
        return self._process.pid

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
        """Sends an object. A dead process is found out by `wait`."""
        with contextlib.suppress(ConnectionError):
            self._channel.send(value)

    def receive(self) -> Any:
        """Returns the object that is there, see `wait`.

        Raises:
          Exception: whatever the worker raised.
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
        """Kills the process; `wait` then finds it dead."""
        self._process.kill()

    def hang_up(self) -> None:
        """Closes the channel: the process ends once it has done what it is doing."""
        self._channel.close()

    def close(self, patience: float = 0.0) -> None:
        """Ends the process.

        Args:
          patience: seconds that it gets to finish what it is doing.
        """
        self._channel.close()
        if patience:
            self._process.join(patience)
        self._finalize()

    def continue_if_stopped(self) -> None:
        """Continues a process that has been stopped for some looks."""
        self._stops.look()


def wait(
    workers: Sequence[Worker], wanted: Collection[Worker], tend: Callable[[], None] = lambda: None
) -> list[Worker]:
    """Waits until at least one of the wanted workers has sent something, and returns those that have.

    Args:
      workers: all workers; the death of any is noticed.
      wanted: those whose message is waited for.
      tend: called about once a second meanwhile.

    Raises:
      DeadWorkerError: a worker has ended.
    """
    sentinels = {worker.sentinel: worker for worker in workers}
    while True:
        ready = connection.wait([*sentinels, *wanted], LOOK_SECONDS)
        for each in ready:
            if each in sentinels:
                raise DeadWorkerError(sentinels[each])
        if ready:
            return ready
        for worker in workers:
            worker.continue_if_stopped()
        tend()


def requests(channel: Channel) -> Iterator[Any]:
    """Yields what the main process sends, until it closes the channel."""
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
    # Both end with the main process.
    with contextlib.suppress(EOFError, ConnectionError):
        pickled = channel.receive()
        try:
            cloudpickle.loads(pickled)(channel, *shared)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            channel.send(Failure(error))
            # The main process has closed the channel once it knows.
            channel.receive()
    sys.stdout.flush()
    # Threads may still be reading.
    os._exit(0)


def _end(process, channel: Channel) -> None:
    channel.close()
    # The only signal that also ends a stopped process.
    process.kill()
    process.join(_END_SECONDS)


@contextlib.contextmanager
def _naming_a_full_machine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot start a worker process: {error.strerror}; use fewer") from error


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    """Blocks SIGINT and SIGTERM for processes that start, which ignore them only later."""
    # Start the tracker first: its start would unblock the signals.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
