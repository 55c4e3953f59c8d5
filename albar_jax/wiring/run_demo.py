"""`albar demo`: makes the quickstart videos, trains four models, and compares their bias."""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from albar_jax.processes import program
from albar_jax.terminal.escapes import shell_line, show
from albar_jax.train.run_summary import read_summary

METHODS = ("ce", "ce_3x", "albar", "albar_fast")


@dataclasses.dataclass(frozen=True)
class Stage:
    """One command of the demo.

    Attributes:
      name: its purpose, for the summary.
      seconds: its duration.
    """

    name: str
    seconds: float


def run(out: Path, data: Path, seed: int) -> int:
    """Runs the commands that a user would type, one after the other; each resumes a stopped one.

    Args:
      out: folder for the models and the page.
      data: folder for the videos.
      seed: random seed of the videos and of training.

    Returns:
      The exit status.

    Raises:
      SystemExit: a command failed. It has printed the reason.
    """
    began = time.perf_counter()
    stages = [_stage("make the videos", ["toy", "quickstart", f"--out={data}", f"--seed={seed}"])]
    for method in METHODS:
        stages.append(_stage(f"train {method}", ["train", *_train_flags(method, out, data, seed)]))

    workdirs = [f"--workdir={out / method}" for method in METHODS]
    evaluate = ["evaluate", *workdirs, f"--out={out / 'evaluation'}"]
    stages.append(_stage("evaluate the four", evaluate))

    _show_times(stages, out, time.perf_counter() - began)
    show("", f"open {(out / 'evaluation' / 'report.html').absolute()}")
    return 0


def _train_flags(method: str, out: Path, data: Path, seed: int) -> list[str]:
    return [
        f"--config=quickstart:{method}",
        f"--workdir={out / method}",
        f"--config.seed={seed}",
        f"--config.data.manifest={data}/manifest.csv",
    ]


def _stage(name: str, arguments: Sequence[str]) -> Stage:
    """Runs `albar` in a separate process and measures its time."""
    show("", f"== {name}", f"$ {shell_line(['albar', *arguments])}", flush=True)
    began = time.perf_counter()

    command = program.command("albar_jax", *arguments)
    ended = subprocess.run(command, check=False, env=program.environment())
    if ended.returncode:
        sys.exit(ended.returncode)
    return Stage(name, time.perf_counter() - began)


def _show_times(stages: Sequence[Stage], out: Path, total: float) -> None:
    show("", "Time of each stage, in seconds:")
    for stage in stages:
        details = _training_times(out / stage.name.removeprefix("train "))
        show(f"  {stage.name:<20}{stage.seconds:>6.0f}{details}")
    show(f"  {'total':<20}{total:>6.0f}")


def _training_times(workdir: Path) -> str:
    """Returns how a training spent its time; "" if the folder holds no training."""
    summary = read_summary(workdir)
    if not summary:
        return ""

    waiting = summary["seconds_waiting_for_data"]
    validating = summary["seconds_validating"]
    seconds = {
        "compiling": summary["seconds_compiling"],
        "stepping": summary["seconds_total"] - waiting - validating,
        "waiting for data": waiting,
        "validating": validating,
    }
    return "   " + ", ".join(f"{name} {number:.0f}" for name, number in seconds.items())
