"""Continues processes that a signal has stopped, as of Linux."""

import contextlib
import os
import signal

from albar_jax.escapes import notify

# Time between two looks at a process that sends nothing.
LOOK_SECONDS = 1.0
# Looks at which a process must have been stopped before it is continued.
_LOOKS = 4


class Stops:
    """Looks at a process of this program that nobody may have stopped.

    Counts looks, not seconds: if the main process was stopped, too, its clock has gone on. A process
    that a debugger holds (state t) is left alone.
    """

    def __init__(self, pid: int):
        self._pid = pid
        self._looks = 0

    def look(self) -> None:
        """Continues the process if it was stopped at the last few looks, and says so."""
        self._looks = self._looks + 1 if is_stopped(self._pid) else 0
        if self._looks < _LOOKS:
            return

        self._looks = 0
        notify(f"note: worker process {self._pid} is stopped (state T); it is continued, as by kill -CONT {self._pid}")
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGCONT)


def is_stopped(pid: int) -> bool:
    """Returns whether a signal has stopped a process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False
