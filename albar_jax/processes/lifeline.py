"""Ends a process together with the one that started it, however that one ends."""

import ctypes
import os
import signal
import sys
import threading
from multiprocessing import connection, parent_process

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Ends this process when its parent ends, also while this one is stopped. Linux only.

    The system watches the parent's thread that started this process, so that thread must live as
    long as the parent.

    Args:
      parent: process number of the parent.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent ended before the call.
    if os.getppid() != parent:
        os._exit(1)


def watch_the_parent() -> None:
    """Ends this process of `multiprocessing` when its parent ends, whichever thread started it."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    connection.wait([parent_process().sentinel])
    os._exit(1)
