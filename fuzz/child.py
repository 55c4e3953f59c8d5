"""Runs readers in a child process: `python -m fuzz.child DESCRIPTOR TABLE`.

It communicates by lines of JSON.
"""

import contextlib
import faulthandler
import importlib
import json
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz.guard import Guard

# Address space in addition to that at the start. Libraries and threads reserve much more than they
# use.
ROOM = 8 << 30
_PACKAGE = "/albar_jax/"
_SHOWN = 6000


def main(answers: int, table: str) -> None:
    """Isolates this process, then answers each input line with one line.

    Args:
      answers: file descriptor for the answers.
      table: module with the table READERS and the function `warm_up`.
    """
    module = importlib.import_module(table)
    for number in (signal.SIGSYS, signal.SIGUSR1):
        faulthandler.register(number, all_threads=False, chain=number == signal.SIGSYS)

    faulthandler.enable(all_threads=False)
    warnings.simplefilter("ignore")
    module.warm_up()

    # Imports need all rights, so the guard starts after them.
    guard = Guard()
    guard.start()
    _limit(resource.RLIMIT_AS, _status("VmSize") + ROOM)
    _limit(resource.RLIMIT_CORE, 0)
    # Tells the parent that the process is ready.
    _answer(answers, {})

    for line in sys.stdin:
        name, case = json.loads(line)
        _answer(answers, _read(module.READERS[name].read, Path(case), guard))


def _read(read: Callable[[Path], object], case: Path, guard: Guard) -> dict[str, Any]:
    _forget_peak()
    before = _status("VmRSS")
    result: dict[str, Any] = {"outcome": "read", "place": "", "detail": "", "memory": False}

    with guard.watching(case):
        try:
            read(case)
        except BaseException as error:
            guard.active = False
            result = _described(error)

    # Most inputs are refused with a sentence that is not needed here.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.truncate(0)

    return result | {"grown": max(0, _status("VmHWM") - before)}


def _described(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in frame.filename] or list(frames)
    last = ours[-1]
    # By design, a file that disappears during a command counts as a storage fault.
    is_gone = type(error).__name__ == "StorageError" and isinstance(
        error.__cause__, FileNotFoundError
    )

    return {
        "outcome": "UserError" if is_gone else _name_of(error),
        "place": f"{last.filename.rpartition(_PACKAGE)[2]}:{last.lineno}",
        "detail": "".join(traceback.format_exception(error))[-_SHOWN:],
        "memory": any(map(_is_out_of_memory, _causes(error))),
    }


def _name_of(error: BaseException) -> str:
    """Returns the name of the error's class, "UserError" for all users' mistakes."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return "UserError" if "UserError" in names else names[0]


def _is_out_of_memory(error: BaseException) -> bool:
    # FFmpeg also raises this error for sizes claimed by a header, before it allocates anything.
    return isinstance(error, MemoryError) and not type(error).__module__.startswith("av.")


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and not any(error is other for other in causes):
        causes.append(error)
        error = error.__cause__ or error.__context__

    return causes


def _status(field: str) -> int:
    """Returns VmSize, VmRSS or VmHWM of this process in bytes; 0 if it is unknown."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0

    for line in lines:
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) << 10

    return 0


# Opened before the process is isolated.
_PEAK = (
    os.open("/proc/self/clear_refs", os.O_WRONLY)
    if os.path.exists("/proc/self/clear_refs")
    else None
)


def _forget_peak() -> None:
    """Resets VmHWM to VmRSS."""
    if _PEAK is not None:
        with contextlib.suppress(OSError):
            os.write(_PEAK, b"5")


def _limit(kind: int, amount: int) -> None:
    resource.setrlimit(kind, (amount, amount))


def _answer(descriptor: int, answer: dict[str, Any]) -> None:
    os.write(descriptor, json.dumps(answer).encode(errors="replace") + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
