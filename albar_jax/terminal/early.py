"""Ends the program with one word and status 130 if Ctrl-C comes while Python still imports modules.

Python would print a traceback through some library. The package imports this module first, and its
programs import the package first. Nothing has been written by then, so the process ends at once.
"""

import contextlib
import os
import pathlib
import signal
from collections.abc import Sequence
from types import FrameType

# The status that shells report for a process that a signal ended.
_INTERRUPTED = 128 + signal.SIGINT
_STDERR = 2
_ROOT = pathlib.Path(__file__).resolve().parents[2]
# The programs of a checkout.
_SCRIPTS = ("train.py", "evaluate.py", "study.py")
# The program that pip installs; the second is its name on Windows.
_INSTALLED = ("albar", "albar.exe")
# What `python -m` runs. Child processes are not listed: their parent reads the signal that ended them.
_MODULES = ("albar_jax", "albar_jax.cli")


def end_at_once() -> None:
    """Makes Ctrl-C end the process, unless another signal handler is installed."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def ends_at_once() -> bool:
    """Returns whether Ctrl-C ends the process because of `end_at_once`."""
    return signal.getsignal(signal.SIGINT) is _end


def raise_again() -> None:
    """Makes Ctrl-C raise KeyboardInterrupt again, if `end_at_once` had changed that."""
    if ends_at_once():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_program(script: str, command: Sequence[str]) -> bool:
    """Returns whether this process runs a program of this package.

    Args:
      script: `sys.argv[0]`; "-m" while Python looks for the module.
      command: `sys.orig_argv`, which includes the options of Python itself.
    """
    if script != "-m":
        path = pathlib.Path(script)
        is_of_checkout = path.name in _SCRIPTS and path.resolve().parent == _ROOT
        return is_of_checkout or path.name in _INSTALLED

    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word.startswith("-m"):
            module = word[2:] or following
            return module in _MODULES
    return False


def _end(number: int, frame: FrameType | None) -> None:
    # The signal may interrupt a `print`, and `print` cannot be called within another one.
    with contextlib.suppress(OSError):
        os.write(_STDERR, b"interrupted\n")
    os._exit(_INTERRUPTED)
