"""Checks that all processes of a run are present and distinct, before JAX connects them.

JAX waits five minutes for a missing process, and aborts with a C++ stack trace if two share a
number. Here process 0 listens at the coordinator's address and the others send it their numbers. It
replies to all at once that they are complete, or with one sentence about the problem.
"""

import errno
import json
import select
import socket
import time
import uuid
from typing import Any

from albar_jax.errors import UserError
from albar_jax.escapes import notify

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


def answer(coordinator: str, processes: int, process: int) -> None:
    """Waits until processes 0 to `processes` - 1 have connected. Collective: all must call it.

    Args:
      coordinator: HOST:PORT of process 0, with a free port.
      processes: number of processes.
      process: number of this process.

    Raises:
      UserError: two processes share a number, their counts differ, or some are missing. All present
        processes raise it.
    """
    host, _, port = coordinator.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UserError(f"--coordinator is {coordinator}; it is HOST:PORT, as in node1:1234")
    hello = {"processes": processes, "process": process, "nonce": uuid.uuid4().hex}
    address = host.strip("[]"), int(port)
    listener = _listen(address[1]) if process == 0 else None
    if listener is None:
        _answer_to(address, hello, coordinator)
        return

    with listener:
        _Roll(listener, hello, coordinator).call(_connect(address))


def _listen(port: int) -> socket.socket | None:
    """Returns a socket that listens at the port; None if the port is taken."""
    dual = socket.has_dualstack_ipv6()
    try:
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(("", port), family=family, dualstack_ipv6=dual)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        raise UserError(f"--process 0 cannot listen at port {port}: {error.strerror}; choose another one") from error


class _Roll:
    """The state of process 0 while the others connect."""

    def __init__(self, listener: socket.socket, hello: dict[str, Any], coordinator: str):
        self._listener = listener
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
                _send(other, {"fault": fault})
            self._wait_until_read()
        finally:
            for each in (*self._open, *filter(None, [probe])):
                each.close()

        if fault:
            raise UserError(fault)

    def _collect(self, probe: socket.socket | None) -> str:
        """Returns the problem with the processes; "" if there is none."""
        deadline, patience = time.monotonic() + TIMEOUT_SECONDS, time.monotonic() + _PATIENCE_SECONDS
        complete_at = None
        while True:
            now = time.monotonic()
            missing = sorted({*range(1, self._hello["processes"])} - {*self._open.values()})
            complete_at = complete_at or (None if missing else now)
            if complete_at and now > complete_at + _GRACE_SECONDS:
                return ""
            if missing and now > deadline:
                return (
                    f"{_named(missing)} did not come to {self._coordinator} within {TIMEOUT_SECONDS:.0f} s; start all"
                )
            if missing and now > patience:
                patience = deadline
                notify(f"waiting for {_named(missing)} at {self._coordinator}")
            ready, _, _ = select.select([self._listener, *self._open, *filter(None, [probe])], [], [], 0.1)
            # Clients send nothing more, so this one has ended.
            for gone in self._open.keys() & {*ready}:
                del self._open[gone]
                gone.close()
                complete_at = None
            if self._listener in ready:
                fault = self._meet(self._listener.accept()[0])
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
        if said is None or said.get("nonce") == self._hello["nonce"]:
            other.close()
            return ""

        number, count = said.get("process"), said.get("processes")
        taken = {0, *self._open.values()}
        self._open[other] = number
        if count != self._hello["processes"]:
            return (
                f"process {number} was started with --processes {count} and process 0 with --processes "
                f"{self._hello['processes']}; give all the same number"
            )
        if number in taken:
            return f"two processes were started with --process {number}; number them 0 to {count - 1}"

        return ""

    def _wait_until_read(self) -> None:
        """Lets the others close first, so that the port is free at once."""
        deadline = time.monotonic() + _REPLY_SECONDS
        waiting = list(self._open)
        while waiting and time.monotonic() < deadline:
            ready, _, _ = select.select(waiting, [], [], 0.1)
            waiting = [other for other in waiting if other not in ready]


def _answer_to(address: tuple[str, int], hello: dict[str, Any], coordinator: str) -> None:
    """Sends this process's number to process 0 and waits for the reply."""
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
            return
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
    other.settimeout(max(seconds, 0.1))
    line = b""
    try:
        while not line.endswith(b"\n") and len(line) < _LINE_BYTES:
            piece = other.recv(_LINE_BYTES)
            if not piece:
                return None
            line += piece
        message = json.loads(line)
    except (OSError, ValueError):
        return None

    return message if isinstance(message, dict) else None


def _named(missing: list[int]) -> str:
    some = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
    return f"process {some}" if len(missing) == 1 else f"{len(missing)} processes ({some})"
