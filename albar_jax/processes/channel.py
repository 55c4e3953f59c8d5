"""Sends objects between two processes of one machine. The death of either at any moment harms neither the other nor it.

The object lies in memory without a name, and a message is 16 bytes with the descriptor of that memory. So a message
arrives whole or not at all, whatever the size of the object. No lock or queue is shared, and the system frees the
memory with its last process.
"""

import errno
import mmap
import os
import pickle
import socket
import struct
import tempfile
from typing import Any

from albar_jax.errors import UserError

# The number of pieces of an object and their total size in bytes.
_MESSAGE = struct.Struct("<QQ")
# Arrays begin at multiples of this, for vector instructions.
_ALIGNMENT = 64
# Received descriptors must not be inherited by programs that are started meanwhile.
_FLAGS = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Channel:
    """One end of a connection between two processes."""

    def __init__(self, connection: socket.socket):
        self._connection = connection

    def fileno(self) -> int:
        """Returns the descriptor to wait for."""
        return self._connection.fileno()

    def close(self) -> None:
        """Closes this end."""
        self._connection.close()

    def send(self, value: Any) -> None:
        """Sends an object that can be pickled. Arrays are copied once.

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
        """Returns the next object. Its arrays lie in the memory that the other process wrote.

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
            raise UserError(f"{os.strerror(errno.EMFILE).lower()}; raise the limit with `ulimit -n`")

        count, size = _MESSAGE.unpack(message)
        try:
            memory = memoryview(mmap.mmap(descriptors[0], size))
        finally:
            os.close(descriptors[0])

        pickled, *buffers = _pieces(memory, count)
        return pickle.loads(pickled, buffers=buffers)


def nameless_file() -> int:
    """Returns the descriptor of an empty file without a name, in memory where the system can."""
    try:
        return os.memfd_create("albar_jax")
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def _write(file: int, pieces: list[memoryview]) -> int:
    """Writes a table of sizes and then the pieces. Returns the size of the file."""
    sizes = [piece.nbytes for piece in pieces]
    _write_all(file, memoryview(struct.pack(f"<{len(sizes)}Q", *sizes)))
    size = 0
    for place, piece in zip(_places(sizes), pieces, strict=True):
        os.lseek(file, place, os.SEEK_SET)
        _write_all(file, piece)
        size = place + piece.nbytes

    # An empty array at the end has written nothing.
    os.ftruncate(file, size)
    return size


def _write_all(file: int, piece: memoryview) -> None:
    # One call writes at most 2 GiB.
    while piece:
        piece = piece[os.write(file, piece) :]


def _pieces(memory: memoryview, count: int) -> list[memoryview]:
    sizes = struct.unpack_from(f"<{count}Q", memory)
    return [memory[place : place + size] for place, size in zip(_places(sizes), sizes, strict=True)]


def _places(sizes: tuple[int, ...] | list[int]) -> list[int]:
    """Returns where each piece begins, behind the table of sizes."""
    places, end = [], 8 * len(sizes)
    for size in sizes:
        places.append(-(-end // _ALIGNMENT) * _ALIGNMENT)
        end = places[-1] + size

    return places
