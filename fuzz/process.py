"""Starts and watches the process that runs readers."""

import contextlib
import dataclasses
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fuzz import tree

ROOT = Path(__file__).parents[1]
# Errors that every reader may raise.
ALLOWED = frozenset({"UserError", "DecodeError", "NoMask"})
# Seconds without CPU time after which a process counts as blocked; long enough for a busy machine.
_IDLE_SECONDS = 20.0
_IDLE_CPU_SECONDS = 0.2
_START_SECONDS = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")
# Characters of the log of a dead process that are kept.
_SHOWN = 6000


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits for one input.

    Attributes:
      seconds: CPU seconds.
      memory: bytes in addition to the libraries.
      errors: names of allowed errors.
    """

    seconds: float = 20.0
    memory: int = 1 << 30
    errors: frozenset[str] = ALLOWED


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of reading one input.

    Attributes:
      outcome: "read", the name of an error or signal, or "time".
      fault: the fault and its place, without details of the input; "" if there is no fault.
      detail: the traceback, or the sentence of an allowed error.
    """

    outcome: str
    fault: str = ""
    detail: str = ""


class Process:
    """A process that reads inputs; it is restarted after each input that kills it.

    Args:
      desk: folder for its inputs, its home directory and its log; recreated at the start.
      table: module with the table READERS and the function `warm_up`.
    """

    def __init__(self, desk: Path, table: str = "fuzz.readers"):
        self._table = table
        self.case = desk / "work" / "case"
        self._work = desk / "work"
        self._log = desk / "log.txt"
        self._process: subprocess.Popen | None = None
        shutil.rmtree(desk, ignore_errors=True)

        for folder in ("home", "cwd"):
            (self._work / folder).mkdir(parents=True)

        (self._work / "canary.txt").write_text("mine\n")

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def judge(self, reader: str, case: Path, limits: Limits) -> Verdict:
        """Runs a reader on the folder `case` and checks whether any file changed."""
        if self._process is None:
            self._start()

        # A reader must change no file, and the guard may have gaps.
        before = tree.snapshot(self._work)
        self._process.stdin.write(json.dumps([reader, str(case)]).encode() + b"\n")
        self._process.stdin.flush()
        verdict = self._judged(self._wait(limits.seconds), limits)

        changed = tree.difference(before, tree.snapshot(self._work))
        if changed:
            return Verdict(
                verdict.outcome, f"files: {changed.split(' ')[0]}", f"{changed}\n{verdict.detail}"
            )

        return verdict

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._answers.close()
            self._process = None

    def _judged(self, answer: dict[str, Any] | str, limits: Limits) -> Verdict:
        if isinstance(answer, str):
            self.stop()
            log = self._log.read_text(errors="replace")[-_SHOWN:]
            line = next((line for line in log.splitlines() if "/albar_jax/" in line), "")

            return Verdict(answer, f"{answer} {line.rpartition('/albar_jax/')[2]}".strip(), log)

        outcome = answer["outcome"]
        place = answer["place"]
        detail = answer["detail"]
        if outcome not in limits.errors | {"read"}:
            return Verdict(outcome, f"{outcome} {place}", detail)
        if answer["memory"]:
            return Verdict(outcome, f"memory: an allocation failed {place}", detail)

        # Memory that grew stays with the process, so it is started again.
        if answer["grown"] > limits.memory:
            self.stop()
            return Verdict(outcome, f"memory: more than {limits.memory >> 20} MiB {place}", detail)

        return Verdict(outcome, "", detail)

    def _wait(self, seconds: float) -> dict[str, Any] | str:
        """Returns the answer, or how the process ended: "time" or the name of a signal."""
        looked = time.monotonic()
        before = self._cpu_seconds()
        idle_from = 0.0
        while True:
            ready, _, _ = select.select([self._answers], [], [], 0.2)
            if ready:
                line = self._answers.readline()
                return json.loads(line) if line else self._cause_of_death()

            used = self._cpu_seconds() - before
            is_idle = False

            if time.monotonic() - looked > _IDLE_SECONDS:
                is_idle = used - idle_from < _IDLE_CPU_SECONDS
                looked = time.monotonic()
                idle_from = used

            if is_idle or used > seconds:
                # The signal makes faulthandler write the traceback to the log.
                self._process.send_signal(signal.SIGUSR1)
                time.sleep(0.5)
                return "time, waiting" if is_idle else "time"

    def _cause_of_death(self) -> str:
        status = self._process.wait()
        return signal.Signals(-status).name if status < 0 else f"exit {status}"

    def _cpu_seconds(self) -> float:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS
        return 0.0

    def _start(self) -> None:
        reading, writing = os.pipe()
        home = str(self._work / "home")
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        variables = {
            **dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": path,
            "JAX_PLATFORMS": "cpu",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self._log.unlink(missing_ok=True)

        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fuzz.child", str(writing), self._table],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._work / "cwd",
                env=os.environ | variables,
                pass_fds=[writing],
                process_group=0,
            )

        os.close(writing)
        self._answers = os.fdopen(reading, "rb")

        answer = self._wait(_START_SECONDS)
        if isinstance(answer, str):
            raise RuntimeError(
                f"the reading process ended at its start ({answer}); see {self._log}"
            )
