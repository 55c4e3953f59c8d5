"""Process 0's side of the roll call; see `roll_call`."""

import select
import socket
import time
from collections.abc import Collection, Sequence
from typing import Any

from albar_jax.errors import UserError
from albar_jax.parallel import messages
from albar_jax.terminal.escapes import notify

# Seconds to wait for a surplus process after all are present.
_GRACE_SECONDS = 0.3
# Seconds that one call of `select` waits.
_SELECT_SECONDS = 0.1


class Roll:
    """The state of process 0 while the others connect.

    Args:
      listeners: sockets that listen on the coordinator's port.
      hello: greeting of this process: its number, the number of processes, and a nonce.
      coordinator: HOST:PORT, for messages.
      key: key of the run, which goes into the reply.
      timeout_seconds: time within which all processes must connect.
      patience_seconds: time before missing processes are named.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        hello: dict[str, Any],
        coordinator: str,
        key: str,
        *,
        timeout_seconds: float,
        patience_seconds: float,
    ):
        self._listeners = listeners
        self._key = key
        self._hello = hello
        self._coordinator = coordinator
        # Connections of the other processes, with their numbers.
        self._open: dict[socket.socket, int] = {}
        self._timeout_seconds = timeout_seconds
        # Times of `time.monotonic`, in seconds.
        self._deadline = time.monotonic() + timeout_seconds
        self._remind_at = time.monotonic() + patience_seconds
        self._complete_at: float | None = None

    def call(self, probe: socket.socket | None) -> None:
        """Waits for the others and replies to them.

        Args:
          probe: a connection to the coordinator's address, which may be another machine.
        """
        if probe is not None:
            messages.send(probe, self._hello)

        try:
            fault = self._collect(probe)
            reply = {"fault": fault} if fault else {"fault": "", "key": self._key}
            for connection in self._open:
                messages.send(connection, reply)
            self._wait_until_read()
        finally:
            for connection in (*self._open, *filter(None, [probe])):
                connection.close()

        if fault:
            raise UserError(fault)

    def _collect(self, probe: socket.socket | None) -> str:
        """Returns the problem with the processes; "" if there is none."""
        while True:
            verdict = self._verdict(time.monotonic())
            if verdict is not None:
                return verdict

            ready = self._select(probe)
            self._drop_ended(ready)

            fault = ""
            calling = [listener for listener in self._listeners if listener in ready]
            if calling:
                fault = self._meet(calling[0].accept()[0])
            elif probe in ready:
                # A reply comes from process 0 of another machine, or from another program.
                fault = (messages.receive(probe) or {}).get("fault", "")
                probe = None

            if fault:
                return fault

    def _verdict(self, now: float) -> str | None:
        """Returns "" if the processes are complete, the fault at the deadline, None before."""
        missing = sorted({*range(1, self._hello["processes"])} - {*self._open.values()})
        if not missing and self._complete_at is None:
            self._complete_at = now

        # Until then, a surplus process may still connect.
        if self._complete_at is not None and now > self._complete_at + _GRACE_SECONDS:
            return ""

        if missing and now > self._deadline:
            return (
                f"{_named(missing)} did not connect to {self._coordinator} within "
                f"{self._timeout_seconds:.0f} s; start all processes"
            )

        if missing and now > self._remind_at:
            self._remind_at = self._deadline
            notify(f"waiting for {_named(missing)} at {self._coordinator}")

        return None

    def _select(self, probe: socket.socket | None) -> list[socket.socket]:
        """Returns the sockets that have something to read, after a short wait."""
        sockets = [*self._listeners, *self._open, *filter(None, [probe])]
        ready, _, _ = select.select(sockets, [], [], _SELECT_SECONDS)

        return ready

    def _drop_ended(self, ready: Collection[socket.socket]) -> None:
        """Forgets processes that have ended; a live one sends nothing after its number."""
        for connection in self._open.keys() & {*ready}:
            del self._open[connection]
            connection.close()
            self._complete_at = None

    def _meet(self, connection: socket.socket) -> str:
        """Receives the number of a process; returns the problem with it, "" if there is none."""
        hello = messages.receive(connection)
        # Another program, or this process itself.
        if hello is None or not _is_hello(hello) or hello["nonce"] == self._hello["nonce"]:
            connection.close()
            return ""

        number = hello["process"]
        count = hello["processes"]
        taken = {0, *self._open.values()}

        self._open[connection] = number
        if count != self._hello["processes"]:
            return (
                f"process {number} was started with --processes {count} and process 0 with "
                f"--processes {self._hello['processes']}; give all the same number"
            )
        if number in taken:
            return (
                f"two processes were started with --process {number}; number them 0 to {count - 1}"
            )

        return ""

    def _wait_until_read(self) -> None:
        """Lets the others close first, so that the port is free at once."""
        deadline = time.monotonic() + messages.REPLY_SECONDS
        waiting = list(self._open)
        while waiting and time.monotonic() < deadline:
            ready, _, _ = select.select(waiting, [], [], _SELECT_SECONDS)
            waiting = [connection for connection in waiting if connection not in ready]


def _is_hello(message: dict[str, Any]) -> bool:
    """Returns whether a message has the fields of a process's greeting, with their types."""
    kinds = {"processes": int, "process": int, "nonce": str}
    if message.keys() != kinds.keys():
        return False

    return all(isinstance(message[name], kind) for name, kind in kinds.items())


def _named(missing: list[int]) -> str:
    """Formats process numbers for a message; at most five are listed."""
    numbers = ", ".join(map(str, missing[:5]))
    if len(missing) > 5:
        numbers += ", ..."
    if len(missing) == 1:
        return f"process {numbers}"

    return f"{len(missing)} processes ({numbers})"
