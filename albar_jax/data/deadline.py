"""Limits the time of a read, so that a decoder that hangs makes only one video unreadable.

Python cannot interrupt native code. So the read runs in its own thread. After the time limit the
thread is abandoned and its result is discarded. Only a few threads may be abandoned, because each
keeps its memory and maybe a core. A decoder that hangs while it holds the GIL blocks the whole
process. In a worker, the main process detects this by the missing heartbeat.
"""

import atexit
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from albar_jax.data.failures import late_reason
from albar_jax.data.readers.base import DecodeError
from albar_jax.errors import StorageError
from albar_jax.storage import disk

Result = TypeVar("Result")

# Abandoned reads that are still running, per process.
MAX_ABANDONED = 8
# Seconds that a disk may take to respond. A network mount blocks for minutes while its server
# restarts.
MAX_STALL = 900.0

# Seconds between two checks of the clock.
_TICK = 1.0
# Seconds that a program waits at its exit for abandoned reads.
_LAST_SECONDS = 5.0

_this_thread = threading.local()


class LateError(DecodeError):
    """An error for a video that was not read within the time limit."""


class _Call(Generic[Result]):
    """A function call in its own thread."""

    def __init__(self, work: Callable[[], Result]):
        self._work = work
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._is_done = threading.Event()

        # A daemon thread does not block the exit of the program.
        self._thread = threading.Thread(target=self._run, name="read in time", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        _this_thread.is_timed = True
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        self._is_done.set()

    @property
    def is_done(self) -> bool:
        """Returns whether the function has ended."""
        return self._is_done.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits until the function has ended, up to a time limit.

        Time spent waiting for a disk does not count.

        Args:
          seconds: the time limit.

        Returns:
          Whether the function has ended.

        Raises:
          TimeoutError: the disk does not respond.
        """
        spent = stalled = 0.0
        before = time.monotonic()

        while not self._is_done.wait(min(_TICK, seconds - spent)):
            now = time.monotonic()
            # Time while the process was stopped or the machine was suspended must not count.
            step = min(now - before, 2 * _TICK)
            before = now

            if disk.is_waiting(self._thread.ident):
                stalled += step
            else:
                spent += step

            if stalled >= MAX_STALL:
                raise TimeoutError
            if spent >= seconds:
                return self.is_done

        return True

    def result(self) -> Result:
        """Returns what the function returned, or raises what it raised."""
        try:
            if self._error is not None:
                raise self._error
            # Without an error, `_run` has set it.
            return cast(Result, self._result)
        finally:
            # The traceback refers to this object. Without this line, the reference cycle would keep
            # the frames alive.
            self._error = self._result = None


# Only its thread holds an abandoned call, so film and result are freed when it ends.
_abandoned: weakref.WeakSet[_Call] = weakref.WeakSet()
_lock = threading.Lock()


def call(work: Callable[[], Result], seconds: float, name: str) -> Result:
    """Runs a function with a time limit and returns its result.

    Args:
      work: reads something. It runs in another thread and may still be running after LateError is
        raised.
      seconds: time limit in seconds; 0 for none. It does not apply under a debugger or inside
        another `call`.
      name: name of the file for messages.

    Raises:
      LateError: it takes longer than `seconds`.
      StorageError: the disk does not respond, or too many reads have been abandoned.
    """
    if not seconds or is_timed() or _is_debugged():
        return work()

    running = _start(work, name)
    try:
        is_in_time = running.wait(seconds)
    except TimeoutError:
        raise StorageError(
            f"cannot read {name}: its disk has not responded for {MAX_STALL:g} s; repair the disk "
            "or the mount, then repeat the command"
        ) from None

    if not is_in_time:
        _abandon(running, name)
        raise LateError(f"{name}: {late_reason(seconds)}")

    return running.result()


def is_timed() -> bool:
    """Returns whether this thread is running inside a `call`."""
    return getattr(_this_thread, "is_timed", False)


def _start(work: Callable[[], Result], name: str) -> _Call[Result]:
    """Starts a call. Raises StorageError if the system has no thread left."""
    try:
        return _Call(work)
    # Python raises this error without an error number.
    except RuntimeError as error:
        raise StorageError(
            f"cannot read {name}: no thread can be started; raise the limit of processes or of "
            "memory, or give fewer loader.workers or threads, and repeat the command"
        ) from error


def _abandon(running: _Call, name: str) -> None:
    """Counts an abandoned call. Raises StorageError if too many of them are still running."""
    with _lock:
        _abandoned.add(running)
        num_hanging = sum(not other.is_done for other in _abandoned)

        if num_hanging > MAX_ABANDONED:
            raise StorageError(
                f"{num_hanging} reads hang in this process, the last one of {name}; repeat the "
                "command to resume without the videos of unreadable.tsv, or find such videos with "
                "`albar prepare --check`"
            )


@atexit.register
def _wait_for_abandoned() -> None:
    """Waits for abandoned reads that end soon.

    Python aborts if native code returns to it during its shutdown.
    """
    deadline = time.monotonic() + _LAST_SECONDS
    while any(not running.is_done for running in _abandoned) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_debugged() -> bool:
    """Returns whether a debugger is attached and may pause the program."""
    if sys.gettrace() is not None:
        return True

    # Python 3.12 and later.
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None
