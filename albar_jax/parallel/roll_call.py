"""Checks that all processes of a run are present and distinct, before JAX connects them.

JAX waits five minutes for a missing process, and aborts with a C++ stack trace if two share a
number. Here process 0 listens at the coordinator's address and the others send it their numbers. It
replies to all at once that they are complete, or with one sentence about the problem.
"""

import contextlib
import dataclasses
import json
import select
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Any

from albar_jax.errors import UserError
from albar_jax.parallel import gate, listening
from albar_jax.terminal.escapes import notify

# Time limit for all processes to connect.
TIMEOUT_SECONDS = 300.0
# Time before missing processes are named.
_PATIENCE_SECONDS = 15.0
# Time to wait for a surplus process after all are present.
_GRACE_SECONDS = 0.3
# Time between two attempts to connect.
_PAUSE_SECONDS = 0.3
# Time for the others to read the reply.
_REPLY_SECONDS = 2.0
_LINE_BYTES = 4096


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
      UserError: two processes share a number, their counts differ, or some are missing; on all
        processes that are present.
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
        _Roll(listeners, hello, coordinator, key).call(_connect(address))
        on_error.pop_all()

    return Present(*address, key, listeners)


class _Roll:
    """The state of process 0 while the others connect."""

    def __init__(
        self, listeners: Sequence[socket.socket], hello: dict[str, Any], coordinator: str, key: str
    ):
        self._listeners = listeners
        self._key = key
        self._hello = hello
        self._coordinator = coordinator
        # Connections of the other processes, with their numbers.
        self._open: dict[socket.socket, int] = {}

    def call(self, probe: socket.socket | None) -> None:
        """Waits for the others and replies to them.

        Args:
          probe: a connection to the coordinator's address, which may be another machine.
        """
        if probe is not None:
            _send(probe, self._hello)
        try:
            fault = self._collect(probe)
            for other in self._open:
                _send(other, {"fault": fault} if fault else {"fault": "", "key": self._key})
            self._wait_until_read()
        finally:
            for each in (*self._open, *filter(None, [probe])):
                each.close()

        if fault:
            raise UserError(fault)

    def _collect(self, probe: socket.socket | None) -> str:
        """Returns the problem with the processes; "" if there is none."""
        deadline, patience = (
            time.monotonic() + TIMEOUT_SECONDS,
            time.monotonic() + _PATIENCE_SECONDS,
        )
        complete_at = None
        while True:
            now = time.monotonic()
            missing = sorted({*range(1, self._hello["processes"])} - {*self._open.values()})
            complete_at = complete_at or (None if missing else now)
            if complete_at and now > complete_at + _GRACE_SECONDS:
                return ""
            if missing and now > deadline:
                return f"{_named(missing)} did not come to {self._coordinator} within {TIMEOUT_SECONDS:.0f} s; start all"
            if missing and now > patience:
                patience = deadline
                notify(f"waiting for {_named(missing)} at {self._coordinator}")
            ready, _, _ = select.select(
                [*self._listeners, *self._open, *filter(None, [probe])], [], [], 0.1
            )
            # Clients send nothing more, so this one has ended.
            for gone in self._open.keys() & {*ready}:
                del self._open[gone]
                gone.close()
                complete_at = None
            calling = [listener for listener in self._listeners if listener in ready]
            if calling:
                fault = self._meet(calling[0].accept()[0])
            elif probe in ready:
                # Process 0 of another machine, or another program.
                fault, probe = (_receive(probe) or {}).get("fault", ""), None
            else:
                continue
            if fault:
                return fault

    def _meet(self, other: socket.socket) -> str:
        said = _receive(other)
        # Another program, or this process itself.
        if said is None or not _is_hello(said) or said["nonce"] == self._hello["nonce"]:
            other.close()
            return ""

        number, count = said["process"], said["processes"]
        taken = {0, *self._open.values()}
        self._open[other] = number
        if count != self._hello["processes"]:
            return (
                f"process {number} was started with --processes {count} and process 0 with --processes "
                f"{self._hello['processes']}; give all the same number"
            )
        if number in taken:
            return (
                f"two processes were started with --process {number}; number them 0 to {count - 1}"
            )

        return ""

    def _wait_until_read(self) -> None:
        """Lets the others close first, so that the port is free at once."""
        deadline = time.monotonic() + _REPLY_SECONDS
        waiting = list(self._open)
        while waiting and time.monotonic() < deadline:
            ready, _, _ = select.select(waiting, [], [], 0.1)
            waiting = [other for other in waiting if other not in ready]


def _answer_to(address: tuple[str, int], hello: dict[str, Any], coordinator: str) -> str:
    """Sends the number of this process to process 0, waits for the reply, and returns the key of the run."""
    deadline, patience = time.monotonic() + TIMEOUT_SECONDS, time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        connection = _connect(address)
        if connection is not None:
            with connection:
                _send(connection, hello)
                reply = _receive(connection, deadline - time.monotonic())
            if reply is None or "fault" not in reply:
                raise UserError(
                    f"{coordinator} is taken by another program, or by a run that is under way; choose another port "
                    "and start all processes again"
                )
            if reply["fault"]:
                raise UserError(reply["fault"])
            return reply["key"]
        if time.monotonic() > patience:
            patience = deadline
            notify(f"waiting for process 0 at {coordinator}")
        time.sleep(_PAUSE_SECONDS)

    raise UserError(f"nobody answers at {coordinator}; start --process 0 there, and all others")


def _connect(address: tuple[str, int]) -> socket.socket | None:
    try:
        return socket.create_connection(address, timeout=5)
    # Process 0 is not listening yet, or its host name does not resolve yet.
    except OSError:
        return None


def _send(other: socket.socket, message: dict[str, Any]) -> None:
    try:
        other.sendall(json.dumps(message).encode() + b"\n")
    # Process 0 has ended.
    except OSError:
        return


def _receive(other: socket.socket, seconds: float = _REPLY_SECONDS) -> dict[str, Any] | None:
    """Returns the message of another process, or None if none arrives in time."""
    deadline = time.monotonic() + max(seconds, 0.1)
    line = b""
    try:
        while not line.endswith(b"\n") and len(line) < _LINE_BYTES:
            # One deadline for the whole message, not for each byte.
            other.settimeout(max(deadline - time.monotonic(), 0.001))
            if time.monotonic() > deadline:
                return None
            piece = other.recv(_LINE_BYTES)
            if not piece:
                return None
            line += piece
        message = json.loads(line)
    except (OSError, ValueError):
        return None

    return message if isinstance(message, dict) else None


def _is_hello(said: dict[str, Any]) -> bool:
    kinds = {"processes": int, "process": int, "nonce": str}
    return said.keys() == kinds.keys() and all(
        isinstance(said[name], kind) for name, kind in kinds.items()
    )


def _named(missing: list[int]) -> str:
    some = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
    return f"process {some}" if len(missing) == 1 else f"{len(missing)} processes ({some})"
