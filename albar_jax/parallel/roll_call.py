"""Checks that all processes of a run are present and distinct, before JAX connects them.

JAX waits five minutes for a missing process, and aborts with a C++ stack trace if two share a
number. Here process 0 listens at the coordinator's address, and the others send it their numbers.
It replies to all of them at once: that they are complete, or one sentence about the problem.
"""

import contextlib
import dataclasses
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Any

from albar_jax.errors import UserError
from albar_jax.parallel import gate, listening, messages
from albar_jax.parallel.roll import Roll
from albar_jax.terminal.escapes import notify

# Seconds within which all processes must connect.
TIMEOUT_SECONDS = 300.0
# Seconds before missing processes are named.
_PATIENCE_SECONDS = 15.0
# Seconds between two attempts to connect.
_PAUSE_SECONDS = 0.3


@dataclasses.dataclass(frozen=True)
class Present:
    """The result of the roll call, on each process.

    Attributes:
      host: host name of process 0.
      port: port of process 0.
      key: key of the run, new for each run.
      listeners: on process 0, the sockets that listen on this port; the caller must close them.
    """

    host: str
    port: int
    key: str
    listeners: Sequence[socket.socket] = ()


def answer(coordinator: str, processes: int, process: int) -> Present:
    """Waits until processes 0 to `processes` - 1 have connected. Collective: all must call it.

    Args:
      coordinator: HOST:PORT of process 0; the port must be free.
      processes: number of processes.
      process: number of this process.

    Returns:
      The address and the key of the run.

    Raises:
      UserError: two processes share a number, their counts differ, or some are missing; raised on
        all processes that are present.
    """
    host, _, port = coordinator.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UserError(f"--coordinator is {coordinator}; it is HOST:PORT, as in node1:1234")

    hello = {"processes": processes, "process": process, "nonce": uuid.uuid4().hex}
    address = host.strip("[]"), int(port)
    listeners = listening.listen(*address) if process == 0 else None
    if listeners is None:
        return Present(*address, _answer_to(address, hello, coordinator))

    with contextlib.ExitStack() as on_error:
        for listener in listeners:
            on_error.enter_context(listener)

        key = gate.new_key()
        roll = Roll(
            listeners,
            hello,
            coordinator,
            key,
            timeout_seconds=TIMEOUT_SECONDS,
            patience_seconds=_PATIENCE_SECONDS,
        )
        roll.call(messages.connect(address))
        on_error.pop_all()

    return Present(*address, key, listeners)


def _answer_to(address: tuple[str, int], hello: dict[str, Any], coordinator: str) -> str:
    """Sends the number of this process to process 0, waits, and returns the key of the run."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    remind_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        connection = messages.connect(address)
        if connection is not None:
            with connection:
                messages.send(connection, hello)
                reply = messages.receive(connection, deadline - time.monotonic())
            return _key_in(reply, coordinator)

        if time.monotonic() > remind_at:
            remind_at = deadline
            notify(f"waiting for process 0 at {coordinator}")
        time.sleep(_PAUSE_SECONDS)

    raise UserError(
        f"no process answers at {coordinator}; start --process 0 there, and all other processes"
    )


def _key_in(reply: dict[str, Any] | None, coordinator: str) -> str:
    """Returns the key in a reply of process 0; raises UserError if it contains a fault."""
    if reply is None or "fault" not in reply:
        raise UserError(
            f"{coordinator} is taken by another program, or by a run that is under way; "
            "choose another port and start all processes again"
        )
    if reply["fault"]:
        raise UserError(reply["fault"])

    return reply["key"]
