"""Makes Ctrl-C one word and status 130 while Python still imports.

Otherwise it is a traceback through some library. The package imports this module first, and its programs import the
package first. Nothing is written by then, so the process ends at once.
"""

import contextlib
import os
import pathlib
import signal
from collections.abc import Sequence
from types import FrameType

# As shells say it.
_INTERRUPTED = 128 + signal.SIGINT
_STDERR = 2
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_SCRIPTS = ("train.py", "evaluate.py", "study.py")
# A child of `prepare`, which tells from its signal why it died.
_NO_PROGRAMS = ("albar_jax.data.check_process",)


def end_at_once() -> None:
    """Makes Ctrl-C end the process, unless the user or the program has set something else."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_again() -> bool:
    """Makes Ctrl-C raise KeyboardInterrupt again; returns whether `end_at_once` had changed that."""
    if signal.getsignal(signal.SIGINT) is not _end:
        return False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return True


def is_program(script: str, command: Sequence[str]) -> bool:
    """Returns whether this process runs a program of this package.

    Args:
      script: `sys.argv[0]`; "-m" while Python looks for the module.
      command: `sys.orig_argv`, which has the options of Python itself.
    """
    if script != "-m":
        path = pathlib.Path(script)
        return path.name in _SCRIPTS and path.resolve().parent == _ROOT

    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word.startswith("-m"):
            module = word[2:] or following
            return module.startswith("albar_jax.") and module not in _NO_PROGRAMS
    return False


def _end(number: int, frame: FrameType | None) -> None:
    # `print` cannot be called within another `print`.
    with contextlib.suppress(OSError):
        os.write(_STDERR, b"interrupted\n")
    os._exit(_INTERRUPTED)
