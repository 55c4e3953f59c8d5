"""Runs work after all other work at the exit of the program.

Python runs what was registered at exit in reverse order. The package imports this module first, so
JAX, which is imported later, has left the other processes by then.
"""

import atexit
from collections.abc import Callable

_works: list[Callable[[], None]] = []


def run_at_the_end(work: Callable[[], None]) -> None:
    """Registers `work` to run at the very end of the program."""
    _works.append(work)


@atexit.register
def _run() -> None:
    for work in _works:
        work()
