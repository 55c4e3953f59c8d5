"""Continues processes that a signal has stopped. Linux only."""

import contextlib
import os
import signal

from albar_jax.terminal.escapes import notify

# Seconds between two checks of a process that sends nothing.
LOOK_SECONDS = 1.0
# Number of consecutive checks that must see a process stopped before it is continued.
_LOOKS = 4


class Stops:
    """Checks whether a process of this program is stopped.

    Counts checks, not seconds, because the clock also runs while the main process itself is
    stopped. A process that a debugger holds (state t) is left alone.
    """

    def __init__(self, pid: int):
        self._pid = pid
        self._looks = 0

    def look(self) -> None:
        """Continues the process if it was stopped at the last few checks, and prints a note."""
        if is_stopped(self._pid):
            self._looks += 1
        else:
            self._looks = 0
        if self._looks < _LOOKS:
            return

        self._looks = 0
        notify(
            f"note: worker process {self._pid} is stopped (state T); continuing it, like "
            f"kill -CONT {self._pid}"
        )

        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGCONT)


def is_stopped(pid: int) -> bool:
    """Returns whether a signal has stopped a process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False
