"""Lists the stages in order of importance, and runs one within its time."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.gpu.journal import Journal, read
from benchmarks.gpu.settings import ROOT, Settings


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
      name: name in the journal and for `--stages`.
      module: module in this folder with `run(settings, journal, *arguments)`.
      seconds: time limit in a run of ten minutes; spare time is shared in proportion.
      arguments: further arguments of `run`.
      environment: environment variables of this stage.
    """

    name: str
    module: str
    seconds: int
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


# A stage that only starts programs must not allocate GPU memory.
_ON_CPU = {"JAX_PLATFORMS": "cpu"}
_ALL_MEMORY = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.94"}
STAGES = (
    Stage("machine", "machine", 20),
    Stage("parity", "parity", 50),
    Stage("films", "laid_out", 10, environment=_ON_CPU),
    Stage("train_albar", "training", 250, ("albar",), _ON_CPU),
    Stage("train_ce", "training", 65, ("ce",), _ON_CPU),
    Stage("train_albar_fast", "training", 65, ("albar_fast",), _ON_CPU),
    Stage("largest_batch", "largest", 60, environment=_ALL_MEMORY),
    Stage("against_torch", "against", 50, environment=_ALL_MEMORY | _ON_CPU),
    Stage("evaluation", "evaluation", 25),
)


def run_stage(stage: Stage, seconds: float, settings: Settings, environment: dict[str, str]) -> int:
    """Runs a stage in a process group of its own, for at most `seconds`.

    Returns:
      The status of its process; negative if a signal ended it.
    """
    journal = Journal(settings.out, stage.name, settings.began, sys.stdout)
    journal.write("began", budget_s=round(seconds, 1))
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu.worker", stage.name, settings.to_json()],
        cwd=ROOT,
        env=environment | _chosen(stage, settings),
        start_new_session=True,
    )

    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        status = -signal.SIGKILL
        journal.write("cut", after_s=time.monotonic() - began, error="its time was over")
    else:
        if status and not _has_recorded_error(stage, settings):
            journal.write("failed", status=status, error=_last_line(Path(settings.log)))
    finally:
        _end(process)

    journal.write("ended", after_s=time.monotonic() - began, status=status)

    return status


def _chosen(stage: Stage, settings: Settings) -> dict[str, str]:
    on_cpu = _ON_CPU if settings.small else {}
    return {**stage.environment, **on_cpu}


def _end(process: subprocess.Popen) -> None:
    """Kills the process group and waits until the device is free."""
    # A child may start during the signal, so kill until no process is left.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            break
        # Reap the process, because a zombie still counts as a member of the group.
        process.poll()
        time.sleep(0.05)

    process.wait()


def _has_recorded_error(stage: Stage, settings: Settings) -> bool:
    """Returns whether the stage recorded its error; a killed or aborted one cannot."""
    lines = read(Path(settings.out))
    newest = [line["what"] for line in lines if line["stage"] == stage.name]
    return bool(newest) and newest[-1] == "failed"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
