"""Sends objects between two processes of one machine.

Either process may die at any moment without harm to the other.

The object is written to anonymous memory, and the message is 16 bytes with the descriptor of this
memory. So a message arrives completely or not at all, whatever the size of the object. No lock or
queue is shared. The system frees the memory when the last process that uses it ends.
"""

import errno
import mmap
import os
import pickle
import socket
import struct
import tempfile
from collections.abc import Sequence
from typing import Any

from albar_jax.errors import UserError

# A message: the number of pieces of an object and their total size in bytes.
_MESSAGE = struct.Struct("<QQ")
# Arrays are aligned to this number of bytes, for vector instructions.
_ALIGNMENT = 64
# Programs that are started in the meantime must not inherit received descriptors.
_FLAGS = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Channel:
    """One end of a connection between two processes."""

    def __init__(self, connection: socket.socket):
        self._connection = connection

    def fileno(self) -> int:
        """Returns the descriptor to poll."""
        return self._connection.fileno()

    def close(self) -> None:
        """Closes this end."""
        self._connection.close()

    def send(self, value: Any) -> None:
        """Sends an object that can be pickled; copies its arrays once.

        Raises:
          ConnectionError: the other process has ended, or closed its end.
        """
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        pieces = [memoryview(pickled), *(buffer.raw() for buffer in buffers)]
        memory = nameless_file()

        try:
            size = _write(memory, pieces)
            socket.send_fds(self._connection, [_MESSAGE.pack(len(pieces), size)], [memory])
        finally:
            os.close(memory)

    def receive(self) -> Any:
        """Returns the next object; its arrays use the memory that the other process wrote.

        Raises:
          EOFError: the other process has ended, or closed its end.
        """
        try:
            message, descriptors, _, _ = socket.recv_fds(self._connection, _MESSAGE.size, 1, _FLAGS)
        except ConnectionError as error:
            raise EOFError from error

        if not message:
            raise EOFError
        if not descriptors:
            raise UserError(
                f"{os.strerror(errno.EMFILE).lower()}; raise the limit with `ulimit -n`"
            )

        count, size = _MESSAGE.unpack(message)
        try:
            memory = memoryview(mmap.mmap(descriptors[0], size))
        finally:
            os.close(descriptors[0])

        pickled, *buffers = _pieces(memory, count)
        return pickle.loads(pickled, buffers=buffers)


def nameless_file() -> int:
    """Returns the descriptor of an empty anonymous file, in memory if the system supports it."""
    try:
        return os.memfd_create("albar_jax")
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def _write(file: int, pieces: list[memoryview]) -> int:
    """Writes a table of sizes and then the pieces; returns the size of the file."""
    sizes = [piece.nbytes for piece in pieces]
    _write_all(file, memoryview(struct.pack(f"<{len(sizes)}Q", *sizes)))
    size = 0

    for place, piece in zip(_places(sizes), pieces, strict=True):
        os.lseek(file, place, os.SEEK_SET)
        _write_all(file, piece)
        size = place + piece.nbytes

    # An empty array at the end has not extended the file.
    os.ftruncate(file, size)
    return size


def _write_all(file: int, piece: memoryview) -> None:
    # A single call writes at most 2 GiB.
    while piece:
        piece = piece[os.write(file, piece) :]


def _pieces(memory: memoryview, count: int) -> list[memoryview]:
    sizes = struct.unpack_from(f"<{count}Q", memory)
    return [memory[place : place + size] for place, size in zip(_places(sizes), sizes, strict=True)]


def _places(sizes: Sequence[int]) -> list[int]:
    """Returns the offset of each piece after the table of sizes."""
    places = []
    end = 8 * len(sizes)
    for size in sizes:
        places.append(-(-end // _ALIGNMENT) * _ALIGNMENT)
        end = places[-1] + size

    return places
