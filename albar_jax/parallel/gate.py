"""Protects JAX's coordination service, which has no password, from unknown clients.

Any JAX client that connects to the service can end all processes of the run. So process 0 runs the
service at a Unix socket in a private folder. A gate at the coordinator's port forwards only
connections that begin with the key of the run. The roll call gives this key to each process. Every
other process opens a tunnel: a Unix socket in a private folder that connects to the gate and sends
the key.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from albar_jax.storage import temporary
from albar_jax.terminal import last

# Number of hexadecimal digits of a key.
KEY_LENGTH = 64
# Seconds within which a client must send the key.
_KEY_SECONDS = 5.0
# Seconds that process 0 waits at its end for the others to disconnect.
_LAST_SECONDS = 5.0
# Limit of connections that have not sent the key yet.
_MOST_WAITING = 64
_CHUNK_BYTES = 1 << 16
# The path of a Unix socket may have at most 107 bytes.
_LONGEST_FOLDER = 70

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def new_key() -> str:
    """Returns a random key."""
    return secrets.token_hex(KEY_LENGTH // 2)


def open_gate(listeners: Sequence[socket.socket], key: str) -> str:
    """Opens the gate of process 0.

    Args:
      listeners: sockets that listen on the coordinator's port.
      key: the key of the run.

    Returns:
      The address on which JAX's service must listen, in JAX's format.
    """
    path = _private_folder() / "service"
    waiting: set[asyncio.StreamReader] = set()

    async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Each connection takes a file descriptor of this process. A refused client tries again.
        if len(waiting) < _MOST_WAITING:
            waiting.add(reader)
            is_admitted = await _has_key(reader, key)
            waiting.remove(reader)

            if is_admitted:
                _joined.add(reader)
                await _join(reader, writer, lambda: asyncio.open_unix_connection(str(path)))
                _joined.remove(reader)

        await _close(writer)

    async def serve() -> None:
        for listener in listeners:
            await asyncio.start_server(admit, sock=listener)

    _run(serve)

    return f"unix:{path}"


def open_tunnel(host: str, port: int, key: str) -> str:
    """Opens the tunnel of another process.

    Args:
      host: host name of process 0.
      port: port of process 0.
      key: the key of the run.

    Returns:
      The address to which JAX must connect, in JAX's format.
    """
    path = _private_folder() / "tunnel"

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(key.encode())

        return reader, writer

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, connect)
        await _close(writer)

    async def serve() -> None:
        await asyncio.start_unix_server(forward, str(path))

    _run(serve)

    return f"unix:{path}"


async def _has_key(reader: asyncio.StreamReader, key: str) -> bool:
    """Returns whether a client sends the key in time."""
    try:
        sent = await asyncio.wait_for(reader.readexactly(KEY_LENGTH), _KEY_SECONDS)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False

    return hmac.compare_digest(sent, key.encode())


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connect: Connect
) -> None:
    """Forwards bytes in both directions until either side closes."""
    try:
        other_reader, other_writer = await connect()
    except OSError:
        return

    copies = [
        asyncio.ensure_future(_copy(reader, other_writer)),
        asyncio.ensure_future(_copy(other_reader, writer)),
    ]
    await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    for copy in copies:
        copy.cancel()

    await _close(other_writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_CHUNK_BYTES):
            writer.write(piece)
            await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _run(serve: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a server in a daemon thread; returns once it listens."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    asyncio.run_coroutine_threadsafe(serve(), loop).result()


def _private_folder() -> Path:
    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > _LONGEST_FOLDER:
        parent = "/tmp"

    folder = temporary.private_folder("albar_jax_gate_", parent)
    _folders.append(folder)

    return folder


_folders: list[Path] = []


def remove_sockets() -> None:
    """Removes the private folders of this process."""
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


def _end() -> None:
    """Waits until the other processes have disconnected, so that each gets the last answer."""
    deadline = time.monotonic() + _LAST_SECONDS
    while _joined and time.monotonic() < deadline:
        time.sleep(0.02)

    remove_sockets()


# Connections that are being forwarded by the gate.
_joined: set[asyncio.StreamReader] = set()
last.run_at_the_end(_end)
