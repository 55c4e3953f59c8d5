"""`make demo`: makes the quickstart world, trains four models on it, and shows which of them cheat."""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from albar_jax import cli
from albar_jax.terminal.escapes import shell_line, show
from albar_jax.terminal.flags import define_path, define_seed
from albar_jax.train.run_summary import read_summary

METHODS = ("ce", "ce_3x", "albar", "albar_fast")

OUT = define_path("out", "runs/demo", "Folder for the models and the page.")
DATA = define_path("data", "data/quickstart", "Folder for the videos.")
SEED = define_seed("seed", 0, "Random seed of the videos and of training.")


@dataclasses.dataclass(frozen=True)
class Stage:
    """One command of the demo and the seconds it took."""

    name: str
    seconds: float


def main() -> int:
    """Runs the commands that a user would type, one after the other; a run that was stopped goes on."""
    out, python = Path(OUT.value), sys.executable
    began = time.perf_counter()
    make_data = [
        python,
        "-m",
        "albar_jax.toy.quickstart",
        f"--out={DATA.value}",
        f"--seed={SEED.value}",
    ]
    stages = [_stage("make the videos", make_data)]
    for method in METHODS:
        stages.append(_stage(f"train {method}", [python, "train.py", *_train_flags(method, out)]))
    workdirs = [f"--workdir={out / method}" for method in METHODS]
    stages.append(
        _stage(
            "evaluate the four", [python, "evaluate.py", *workdirs, f"--out={out / 'evaluation'}"]
        )
    )
    _say_where_the_time_went(stages, out, time.perf_counter() - began)
    show("", f"open {(out / 'evaluation' / 'report.html').absolute()}")
    return 0


def _train_flags(method: str, out: Path) -> list[str]:
    return [
        f"--config=configs/quickstart.py:{method}",
        f"--workdir={out / method}",
        f"--config.seed={SEED.value}",
        f"--config.data.manifest={DATA.value}/manifest.csv",
    ]


def _stage(name: str, command: Sequence[str]) -> Stage:
    show("", f"== {name}", f"$ {shell_line(['python', *command[1:]])}", flush=True)
    began = time.perf_counter()
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)  # The command has said what is wrong.
    return Stage(name, time.perf_counter() - began)


def _say_where_the_time_went(stages: Sequence[Stage], out: Path, total: float) -> None:
    show("", "Time of each stage, in seconds:")
    for stage in stages:
        show(
            f"  {stage.name:<20}{stage.seconds:>6.0f}{_parts(out / stage.name.removeprefix('train '))}"
        )
    show(f"  {'in all':<20}{total:>6.0f}")


def _parts(workdir: Path) -> str:
    summary = read_summary(workdir)
    if not summary:
        return ""
    parts = {
        "compiling": summary["seconds_compiling"],
        "stepping": summary["seconds_total"]
        - summary["seconds_waiting_for_data"]
        - summary["seconds_validating"],
        "waiting for data": summary["seconds_waiting_for_data"],
        "validating": summary["seconds_validating"],
    }
    return "   " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in parts.items())


if __name__ == "__main__":
    cli.run(main)
