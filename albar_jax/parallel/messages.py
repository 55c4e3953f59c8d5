"""Sends and receives the messages of the roll call: one JSON object per line, over TCP."""

import json
import socket
import time
from typing import Any

# Seconds within which a message must arrive.
REPLY_SECONDS = 2.0
_CONNECT_SECONDS = 5.0
_LINE_BYTES = 4096


def connect(address: tuple[str, int]) -> socket.socket | None:
    """Connects to a host and port; returns None if no process listens there."""
    try:
        return socket.create_connection(address, timeout=_CONNECT_SECONDS)
    # Process 0 is not listening yet, or its host name does not resolve yet.
    except OSError:
        return None


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Sends a message; does nothing if the other process has ended."""
    try:
        connection.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def receive(connection: socket.socket, seconds: float = REPLY_SECONDS) -> dict[str, Any] | None:
    """Returns the message of another process.

    Args:
      connection: connection to the process.
      seconds: time limit for the whole message.

    Returns:
      The message; None if it is not a JSON object of at most 4096 bytes, or is late.
    """
    deadline = time.monotonic() + max(seconds, 0.1)
    line = b""
    try:
        while not line.endswith(b"\n") and len(line) < _LINE_BYTES:
            # One deadline for the whole message, not for each byte.
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            if time.monotonic() > deadline:
                return None

            piece = connection.recv(_LINE_BYTES)
            if not piece:
                return None
            line += piece

        message = json.loads(line)
    except (OSError, ValueError):
        return None

    return message if isinstance(message, dict) else None
