"""Draws faults from a seed before a command starts, and injects them.

A fault has a kind, a time, and a process or a file.
"""

import contextlib
import dataclasses
import errno
import os
import random
import resource
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from chaos import processes

T = TypeVar("T")
_SIGNALS = {
    "kill": signal.SIGKILL,
    "term": signal.SIGTERM,
    "int": signal.SIGINT,
    "stop": signal.SIGSTOP,
}
_DAMAGES = ("flip", "cut")
KINDS = (*_SIGNALS, "full", *_DAMAGES)
_TARGETS = ("main", "main", "child", "child", "group")
# Names of unfinished files, which no reader opens.
_UNFINISHED = (".tmp", ".partial", "orbax-checkpoint-tmp", ".lock")
BALLAST = ".ballast"
# Seconds for which a process stays stopped, and the time to wait for a child or a file.
_STOPPED_SECONDS = (0.5, 3.0)
_CHILD_SECONDS = 5.0
_FILE_SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault to inject into one attempt.

    Attributes:
      kind: one of `KINDS`.
      target: main, child or group; for signals.
      moment: time of the fault as a share of the duration of an undisturbed run, 0 to 1.
      draw: random number, 0 to 1, that selects the child, the file, the bit or the seconds.
    """

    kind: str
    target: str
    moment: float
    draw: float

    def __str__(self) -> str:
        target = f" {self.target}" if self.kind in _SIGNALS else ""
        return f"{self.kind}{target} at {self.moment:.0%}"


@dataclasses.dataclass(frozen=True)
class Damage:
    """A damaged file and its bytes after the damage."""

    file: Path
    content: bytes

    def remains(self) -> bool:
        """Returns whether the file is still damaged, that is, neither rewritten nor removed."""
        return self.file.is_file() and self.file.read_bytes() == self.content


def draw_faults(seed: int, damages: bool) -> list[Fault]:
    """Draws one to three faults, one for each attempt.

    Args:
      seed: seed of the trial.
      damages: whether the command has files to damage.
    """
    rng = random.Random(seed)
    kinds = KINDS if damages else (*_SIGNALS, "full")
    # Kills and damages find most bugs.
    weights = [2 if kind in ("kill", *_DAMAGES) else 1 for kind in kinds]
    faults = []

    for kind in rng.choices(kinds, weights, k=rng.randint(1, 3)):
        faults.append(Fault(kind, rng.choice(_TARGETS), rng.uniform(0.0, 0.95), rng.random()))

    return faults


def inject(
    fault: Fault, main: int, folder: Path, patterns: tuple[str, ...]
) -> tuple[str, Damage | None]:
    """Injects a fault into a running command.

    Args:
      fault: the fault.
      main: process id of the command.
      folder: working folder of the command.
      patterns: patterns of the files that may be damaged.

    Returns:
      A description, "" if nothing was done; and the damage, if any.
    """
    if fault.kind in _SIGNALS:
        return _signal(fault, main), None
    if fault.kind == "full":
        return fill(folder, main, fault.draw), None

    rng = random.Random(fault.draw)
    _first(
        lambda: any(_finished(folder, each) for each in patterns) or not processes.is_alive(main),
        _FILE_SECONDS,
    )
    # Half of the damages follow a kill; the others happen while the command is running.
    killed = rng.random() < 0.5 and processes.send(main, signal.SIGKILL)

    damage = _damage(fault.kind, folder, patterns, rng)
    if damage is None:
        return "kill main" if killed else "", None

    description = f"{fault.kind} {damage.file.relative_to(folder)}"
    if killed:
        description = f"kill main, then {description}"

    return description, damage


def fill(folder: Path, main: int, draw: float) -> str:
    """Fills the disk of a folder up to a few kilobytes.

    Limits the size of files instead if the folder is not its own disk.

    Args:
      folder: working folder of the command.
      main: process id of the command.
      draw: random number, 0 to 1, that sets the free bytes.

    Returns:
      A description of the fault.
    """
    slack = int(draw * 20_000)
    if not os.path.ismount(folder):
        for process in (main, *processes.descendants(main)):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, (slack, slack))
        return "full (largest file)"

    ballast = os.open(folder / BALLAST, os.O_WRONLY | os.O_CREAT)
    try:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        os.posix_fallocate(ballast, 0, max(free - slack, 1))
    except OSError as error:
        # The command has used the last bytes in the meantime.
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.close(ballast)

    return "full"


def _signal(fault: Fault, main: int) -> str:
    number = _SIGNALS[fault.kind]
    chosen = [main]
    if fault.target == "child":
        children = _first(lambda: processes.descendants(main), _CHILD_SECONDS) or [main]
        chosen = [children[int(fault.draw * len(children))]]
    elif fault.target == "group":
        chosen = [main, *processes.descendants(main)]

    sent = [process for process in chosen if processes.send(process, number)]
    # A stopped process continues later, as after Ctrl-Z and fg.
    if fault.kind == "stop":
        time.sleep(_STOPPED_SECONDS[0] + fault.draw * (_STOPPED_SECONDS[1] - _STOPPED_SECONDS[0]))
        for process in sent:
            processes.send(process, signal.SIGCONT)

    target = "main" if chosen == [main] else fault.target
    return f"{fault.kind} {target}" if sent else ""


def _damage(
    kind: str, folder: Path, patterns: tuple[str, ...], rng: random.Random
) -> Damage | None:
    """Damages a random file; returns None if there is none, or all are empty."""
    files: list[Path] = []
    # Draws the pattern first, because there are many more compiled programs than checkpoints.
    for pattern in _shuffled(patterns, rng):
        files += _shuffled(_finished(folder, pattern), rng)

    for file in files:
        with contextlib.suppress(FileNotFoundError):
            damage = _damage_file(kind, file, rng)
            if damage is not None:
                return damage

    return None


def _damage_file(kind: str, file: Path, rng: random.Random) -> Damage | None:
    content = bytearray(file.read_bytes())
    # An empty file has no bit to flip.
    if not content:
        return None

    place = rng.randrange(len(content))
    if kind == "cut":
        os.truncate(file, place)
        return Damage(file, bytes(content[:place]))

    content[place] ^= 1 << rng.randrange(8)
    _write_byte(file, place, content[place])
    return Damage(file, bytes(content))


def _finished(folder: Path, pattern: str) -> list[Path]:
    """Returns the finished files that match a pattern, sorted."""
    paths = []
    for path in folder.glob(pattern):
        if path.is_file() and not any(word in str(path) for word in _UNFINISHED):
            paths.append(path)

    return sorted(paths)


def _shuffled(values: Sequence[T], rng: random.Random) -> list[T]:
    return rng.sample(values, len(values))


def _write_byte(file: Path, place: int, value: int) -> None:
    # Writes in place like a faulty disk: the length and the name do not change.
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.pwrite(descriptor, bytes([value]), place)
    finally:
        os.close(descriptor)


def _first(look: Callable, seconds: float):
    """Calls `look` until its result is not empty, for a limited time; returns the last result."""
    deadline = time.monotonic() + seconds
    while not (result := look()) and time.monotonic() < deadline:
        time.sleep(0.02)

    return result
