"""Starts `train.py` in a process, follows its log, and stops it by SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from albar_jax.errors import UserError
from albar_jax.train.run_log import read_history
from albar_jax.train.run_summary import read_summary
from benchmarks.gpu.settings import METHODS, ROOT, Settings


class Run:
    """A process of `train.py`.

    Args:
      settings: settings of the whole run.
      method: key of METHODS.
      workdir: workdir of `train.py`; resumed if it has a checkpoint.
    """

    def __init__(self, settings: Settings, method: str, workdir: Path):
        self.workdir = workdir
        self._settings = settings
        self._memory = workdir.with_suffix(".memory.json")
        self._began = time.perf_counter()
        self._first = last_step(workdir) + 1
        flags = [f"--config.{name}={value}" for name, value in settings.changes(method).items()]
        config = f"configs/hmdb51.py:{METHODS[method][0]}"
        command = ["train.py", "--config", config, "--workdir", str(workdir), *flags]
        workdir.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu.probe", str(self._memory), *command],
            cwd=ROOT,
            env=_environment(settings),
        )

    def first_step(self) -> float:
        """Waits for the first new step. Returns the seconds since the start of the process."""
        return self.reach(self._first)

    def reach(self, step: int) -> float:
        """Waits until a step is logged, that is, completed on the device."""
        while True:
            # Ask before reading the log: the last lines of an ended process are complete.
            has_ended = self._process.poll() is not None
            if last_step(self.workdir) >= step:
                break
            if has_ended:
                self._refuse()
            time.sleep(0.02)
        return time.perf_counter() - self._began

    def stop(self) -> tuple[int, float]:
        """Sends SIGTERM. Returns the exit status and the seconds until exit."""
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait()
        if status != 128 + signal.SIGTERM:
            self._refuse()
        return status, time.perf_counter() - began

    def finish(self) -> None:
        """Waits for the end of the training."""
        if self._process.wait():
            self._refuse()

    @property
    def summary(self) -> Mapping[str, Any]:
        """Returns the summary of the finished run."""
        return read_summary(self.workdir)

    @property
    def memory(self) -> Mapping[str, int | None]:
        """Returns the peak bytes of device arrays and of the process after its end."""
        return json.loads(self._memory.read_text())

    def _refuse(self) -> None:
        lines = Path(self._settings.log).read_text(errors="replace").strip().splitlines()
        last_line = lines[-1] if lines else "nothing"
        raise UserError(
            f"train.py ended with {self._process.wait()}; it printed {last_line!r} last"
        )


def history(workdir: Path) -> list[dict[str, Any]]:
    """Reads the rows of training steps, in order."""
    return [row for row in read_history(workdir) if "loss/total" in row]


def last_step(workdir: Path) -> int:
    """Returns the last logged step, 0 before the first."""
    return max((row["step"] for row in history(workdir)), default=0)


def _environment(settings: Settings) -> dict[str, str]:
    """Returns the user's environment, because this stage itself runs on the CPU."""
    environment = dict(os.environ)
    if not settings.small:
        del environment["JAX_PLATFORMS"]
    return environment
