"""Ends a process when its parent ends, even if the parent is killed."""

import ctypes
import os
import signal
import sys
import threading
from multiprocessing import connection, parent_process
from multiprocessing.process import BaseProcess
from typing import cast

# From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Ends this process when its parent ends, even while this process is stopped. Linux only.

    The system watches the thread of the parent that started this process, so that thread must live
    as long as the parent.

    Args:
      parent: process id of the parent.
    """
    if sys.platform != "linux":
        return

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent has already ended.
    if os.getppid() != parent:
        os._exit(1)


def watch_the_parent() -> None:
    """Ends this process of `multiprocessing` when its parent ends.

    Unlike with `end_with`, the thread of the parent that started this process may end earlier.
    """
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    # `multiprocessing` has started this process, so it has a parent.
    parent = cast(BaseProcess, parent_process())
    connection.wait([parent.sentinel])
    os._exit(1)
