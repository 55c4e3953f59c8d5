"""Ends all processes of a run when one of them fails.

A process that fails writes its exit status to the key-value store that all processes share. A
thread in every process polls the store. JAX alone would leave the others waiting in a collective.
"""

import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable

import jax

# JAX has no public access to the key-value store that the processes share.
from jax._src.distributed import global_state

from albar_jax.errors import say
from albar_jax.parallel import gate

# Folder of the store for the exit status of the process that failed first.
_STORE = "albar_jax/mistake/"
# Seconds between two polls of the store.
_POLL_SECONDS = 1.0
# Seconds within which the other processes must notice the failure.
_LEAVE_SECONDS = 10

_watcher: threading.Thread | None = None
_cleanups: list[Callable[[], None]] = []


def watch(client) -> None:
    """Starts a thread that ends this process when another one has failed.

    Args:
      client: JAX's client of the coordination service.
    """
    global _watcher
    _watcher = threading.Thread(target=_leave_with_the_others, args=(client,), daemon=True)
    _watcher.start()


def run_before_abort(cleanup: Callable[[], None]) -> None:
    """Registers a function to call before this process aborts because another one has failed."""
    _cleanups.append(cleanup)


def fail(sentence: str, status: int) -> int:
    """Reports a failure on stderr and ends all processes of the run with its exit status.

    If several processes fail at once, only the first prints.

    Args:
      sentence: message; a traceback spans several lines.
      status: exit status.

    Returns:
      `status`, if this process is the only one. Otherwise the function does not return.
    """
    lines = sentence.split("\n")
    client = global_state.client
    if _watcher is None or client is None:
        say(*lines)
        return status

    try:
        client.key_value_set(f"{_STORE}status", str(status))
        is_first = True
    except RuntimeError as error:
        # Any other error means that the store has ended, together with process 0.
        is_first = "ALREADY_EXISTS" not in str(error)

    if is_first:
        say(*lines)
    _watcher.join()
    # Exits without JAX's shutdown, which would wait for processes that may wait for this one.
    os._exit(status)


def describe(error: Exception) -> str:
    """Returns the message for an error that is not a mistake of the user.

    Returns:
      A traceback, or a sentence if another process has ended and a collective failed here.
    """
    # Only Gloo raises. With collectives between accelerators, JAX itself ends the process.
    if isinstance(error, jax.errors.JaxRuntimeError) and "Gloo" in str(error):
        return (
            f"error: another process has ended, or cannot be reached ({error}); "
            "start all of them again"
        )

    return traceback.format_exc()


def _leave_with_the_others(client) -> None:
    """Polls the store, and ends this process once a process has failed."""
    # An error means that the work is done and JAX has disconnected the processes.
    with contextlib.suppress(RuntimeError):
        while not (failures := client.key_value_dir_get(_STORE)):
            time.sleep(_POLL_SECONDS)

        # An error means that a process is dead and cannot reach the barrier.
        with contextlib.suppress(RuntimeError):
            client.wait_at_barrier("albar_jax/leave", 1000 * _LEAVE_SECONDS)

        # The store ends with process 0, and the others still have to leave the barrier.
        if global_state.process_id == 0:
            time.sleep(_POLL_SECONDS)

        _clean_up()
        sys.stdout.flush()
        _, status = failures[0]
        os._exit(int(status))


def _clean_up() -> None:
    """Calls all registered functions, each for a limited time."""
    for cleanup in (*_cleanups, gate.remove_sockets):
        thread = threading.Thread(target=cleanup, daemon=True)
        thread.start()
        thread.join(_LEAVE_SECONDS)
