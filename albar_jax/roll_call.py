"""A roll call of the processes that work together, before JAX connects them.

JAX waits five minutes for a process that was never started, and ends with a stack of C++ if two have one number. Here
process 0 listens at the coordinator's address, the others tell it their numbers, and it answers all of them at once:
that they are complete, or in one sentence what is wrong.
"""

import errno
import json
import select
import socket
import sys
import time
import uuid
from typing import Any

from albar_jax.errors import UserError

TIMEOUT_SECONDS = 300.0  # for all to come
_PATIENCE_SECONDS = 15.0  # before it is said who is missing
_GRACE_SECONDS = 0.3  # for one too many, once all are there
_PAUSE_SECONDS = 0.3  # between two tries to connect
_REPLY_SECONDS = 2.0  # for the others to read the answer
_LINE_BYTES = 4096


def answer(coordinator: str, processes: int, process: int) -> None:
    """Waits until each of the processes 0 to `processes` - 1 has told its number.

    Args:
      coordinator: HOST:PORT of process 0, free there.
      processes: how many there are.
      process: which of them this one is.

    Raises:
      UserError: on all of them, if two have one number or were told other counts; on those that are there, if some do
        not come.
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
    """Returns a socket that listens at the port; None if it is taken."""
    dual = socket.has_dualstack_ipv6()
    try:
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(("", port), family=family, dualstack_ipv6=dual)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        raise UserError(f"--process 0 cannot listen at port {port}: {error.strerror}; choose another one") from error


class _Roll:
    """What process 0 knows of the others while it calls the roll."""

    def __init__(self, listener: socket.socket, hello: dict[str, Any], coordinator: str):
        self._listener = listener
        self._hello = hello
        self._coordinator = coordinator
        self._open: dict[socket.socket, int] = {}  # the others that came, and their numbers

    def call(self, probe: socket.socket | None) -> None:
        """Waits for the others and answers them.

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
        """Returns what is wrong with the processes that came; "" if nothing is."""
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
                print(f"waiting for {_named(missing)} at {self._coordinator}", file=sys.stderr, flush=True)
            ready, _, _ = select.select([self._listener, *self._open, *filter(None, [probe])], [], [], 0.1)
            for gone in self._open.keys() & {*ready}:  # they say no more: this one has ended
                del self._open[gone]
                gone.close()
                complete_at = None
            if self._listener in ready:
                fault = self._meet(self._listener.accept()[0])
            elif probe in ready:
                # Process 0 of another machine, or nobody that calls a roll.
                fault, probe = (_receive(probe) or {}).get("fault", ""), None
            else:
                continue
            if fault:
                return fault

    def _meet(self, other: socket.socket) -> str:
        said = _receive(other)
        if said is None or said.get("nonce") == self._hello["nonce"]:  # a stranger, or this process itself
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
        """Lets the others close first: the port stays free then."""
        deadline = time.monotonic() + _REPLY_SECONDS
        waiting = list(self._open)
        while waiting and time.monotonic() < deadline:
            ready, _, _ = select.select(waiting, [], [], 0.1)
            waiting = [other for other in waiting if other not in ready]


def _answer_to(address: tuple[str, int], hello: dict[str, Any], coordinator: str) -> None:
    """Tells process 0 the number of this one, and waits for its answer."""
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
            print(f"waiting for process 0 at {coordinator}", file=sys.stderr, flush=True)
        time.sleep(_PAUSE_SECONDS)
    raise UserError(f"nobody answers at {coordinator}; start --process 0 there, and all others")


def _connect(address: tuple[str, int]) -> socket.socket | None:
    try:
        return socket.create_connection(address, timeout=5)
    except OSError:  # not there yet, or its name is not known yet
        return None


def _send(other: socket.socket, message: dict[str, Any]) -> None:
    try:
        other.sendall(json.dumps(message).encode() + b"\n")
    except OSError:  # it is gone
        return


def _receive(other: socket.socket, seconds: float = _REPLY_SECONDS) -> dict[str, Any] | None:
    """Returns the message that another process sends in time; None for anything else."""
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
