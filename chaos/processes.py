"""Finds the processes that a command started, including those that outlive it. Linux only."""

import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Makes this process the parent of orphaned descendants, so that `descendants` finds them."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")


def descendants(root: int) -> list[int]:
    """Returns the living processes below `root`, parents first, without zombies."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (parent := _living_parent(int(entry))):
            children.setdefault(parent, []).append(int(entry))

    # Searches breadth first, so parents come first.
    living = []
    waiting = [root]
    while waiting:
        below = sorted(children.get(waiting.pop(0), ()))
        living += below
        waiting += below

    return living


def remaining(seconds: float) -> list[str]:
    """Waits until this process has no descendants.

    Args:
      seconds: time limit.

    Returns:
      The command lines of the descendants that still run.
    """
    deadline = time.monotonic() + seconds
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        reap()
        time.sleep(0.1)

    return [f"process {process}: {_command_line(process)}" for process in left]


def end_all() -> None:
    """Kills all descendants of this process and waits until they are gone."""
    while left := descendants(os.getpid()):
        for process in left:
            send(process, signal.SIGKILL)
        time.sleep(0.05)
        reap()


def send(process: int, number: int) -> bool:
    """Sends a signal; returns whether the process exists."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False

    return True


def is_alive(process: int) -> bool:
    """Returns whether a process exists and has not ended."""
    return _living_parent(process) is not None


def reap() -> None:
    """Collects adopted processes that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _living_parent(process: int) -> int | None:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None

    # The name in parentheses may contain blanks.
    state, parent = text.rpartition(")")[2].split()[:2]
    return None if state in "ZX" else int(parent)


def _command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")[:200]
    except OSError:
        return "(gone)"
