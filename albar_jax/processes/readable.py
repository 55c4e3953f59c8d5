"""Waits for descriptors and for objects that have one."""

from collections.abc import Sequence
from multiprocessing import connection
from typing import Any, Protocol, TypeVar, cast


class HasDescriptor(Protocol):
    """An object with the descriptor of a file, a pipe or a socket."""

    def fileno(self) -> int:
        """Returns the descriptor."""
        ...


Source = TypeVar("Source", bound=int | HasDescriptor)


def wait_until_readable(sources: Sequence[Source], seconds: float) -> list[Source]:
    """Waits for at least one source that can be read; returns all that can be, or none if late.

    Args:
      sources: descriptors, or objects that have one.
      seconds: the time limit.
    """
    # The stub of `connection.wait` allows only connections and sockets, and loses their type.
    return cast(list[Source], connection.wait(cast(Any, sources), seconds))
