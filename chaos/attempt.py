"""Runs a command once, with or without a fault, and checks how it ended."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from chaos import processes
from chaos.commands import ROOT, Command
from chaos.faults import BALLAST, Damage, Fault, inject

# Seconds within which children must notice the end of their parent.
_GRACE = 10.0
_SENTENCE = re.compile(r"(error: |interrupted|failed: |.* stopped by SIG|stopped by SIG)")
# A progress bar, a note, a further line of a sentence, or the number of answers that are kept.
_EXPECTED = re.compile(
    r".*(\d%\||it/s|s/it|\?, \?|/s\]|\d+(video|clip|test set)).*|note: .*|  .*|.* kept|"
)
_BY_SIGNALS = {128 + signal.SIGTERM, 128 + signal.SIGINT}


@dataclasses.dataclass(frozen=True)
class Attempt:
    """The result of one attempt.

    Attributes:
      injected: the injected fault; "" for an undisturbed attempt.
      damage: the damaged file, if any.
      status: exit status; negative for a signal.
      seconds: duration in seconds.
      sentence: the error sentence; "" if there is none.
      faults: what is wrong with the way it ended, one line each.
    """

    injected: str
    damage: Damage | None
    status: int
    seconds: float
    sentence: str
    faults: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Place:
    """The folders of a trial.

    Attributes:
      work: folder in which the command runs.
      temporary: its TMPDIR, which it must leave empty.
      cache: its XDG_CACHE_HOME, which holds compiled programs.
      log: folder for its output.
    """

    work: Path
    temporary: Path
    cache: Path
    log: Path


def attempt(
    command: Command, place: Place, fault: Fault | None, usual_seconds: float, limit: float
) -> Attempt:
    """Runs a command until it ends.

    Args:
      command: the command to run.
      place: the folders to use.
      fault: the fault to inject; None for an undisturbed attempt.
      usual_seconds: duration of an undisturbed attempt, which sets the time of the fault.
      limit: seconds after which the command counts as hanging and is killed.
    """
    began = time.monotonic()
    with open(place.log / "stdout", "wb") as stdout, open(place.log / "stderr", "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *command.words.split()],
            cwd=place.work,
            env=_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            # Signals to the command's group must not reach this process.
            start_new_session=True,
        )
        injected = ""
        damage = None
        if fault is not None and not _ends_within(process, fault.moment * usual_seconds):
            injected, damage = inject(fault, process.pid, place.work, command.damages)

        hangs = not _ends_within(process, limit)

    # A hanging command has no exit status yet.
    status = 0 if hangs else process.returncode
    faults = [f"hangs after {limit:.0f} s"] if hangs else _orphans()
    # The next attempt must find no process of this one.
    processes.end_all()
    process.wait()
    (place.work / BALLAST).unlink(missing_ok=True)
    faults += _leftovers(place)
    output = [(place.log / name).read_text(errors="replace") for name in ("stdout", "stderr")]
    sentences, ending = _judge(status, injected, *output)

    return Attempt(
        injected, damage, status, time.monotonic() - began, "; ".join(sentences), (*faults, *ending)
    )


def _environment(place: Place) -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    flags = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    return variables | {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", flags),
        "TMPDIR": str(place.temporary),
        "XDG_CACHE_HOME": str(place.cache),
    }


def _ends_within(process: subprocess.Popen, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False

    return True


def _orphans() -> list[str]:
    return [f"left behind: {line}" for line in processes.remaining(_GRACE)]


def _leftovers(place: Place) -> list[str]:
    """Lists the files in the temporary folder and in a private /dev/shm."""
    folders = [place.temporary]
    # Only a private /dev/shm holds nothing of other programs.
    if os.path.ismount(place.work):
        folders.append(Path("/dev/shm"))

    lines = []
    for folder in folders:
        for path in folder.iterdir():
            lines.append(f"left behind: {path}")
            if path.is_file():
                path.unlink()

    return lines


def _judge(status: int, injected: str, stdout: str, stderr: str) -> tuple[list[str], list[str]]:
    """Returns the error sentences of an attempt, and what is wrong with its output."""
    lines = [line.rstrip() for line in re.split(r"[\r\n]", stderr)]
    sentences = [line for line in lines if _SENTENCE.match(line)]
    # Training and studies print a stop and a failed run on stdout.
    sentences += [line for line in stdout.splitlines() if _SENTENCE.match(line)]
    faults = []

    if "Traceback" in stderr:
        last = lines[-2] if len(lines) > 1 else stderr
        faults.append(f"a traceback: {last}"[:300])
    else:
        for line in lines:
            if not _SENTENCE.match(line) and not _EXPECTED.fullmatch(line):
                faults.append(f"an unexpected line: {line[:300]}")
                break

    return sentences, faults + _status_faults(status, injected, sentences)


def _status_faults(status: int, injected: str, sentences: list[str]) -> list[str]:
    if status == 0:
        return [f"success with an error sentence: {sentences[0]}"] if sentences else []

    # A negative status is the number of a signal.
    if status < 0:
        if injected.startswith(("kill", "term", "int")):
            return []
        return [f"died of {signal.Signals(-status).name}"]

    if len(sentences) == 1 or (status in _BY_SIGNALS and not sentences):
        return []

    return [f"status {status} with {len(sentences)} sentences: {' | '.join(sentences)}"[:400]]
