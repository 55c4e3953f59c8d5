"""Runs the stages one after the other: `benchmarks/gpu.sh --films DIR --out FILE`.

Each stage is a process with a share of the time. A stage that overruns is stopped, a crash is
recorded, and the next stage starts. Figures are written to FILE as JSON lines at once.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from albar_jax.errors import UserError, leave
from albar_jax.terminal import flags
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.stages import STAGES, Stage, run_stage

MISTAKE = 2
WHEELS = "ALBAR_WHEELS"
# Seconds reserved to end the last stage.
ENDING = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE


def _parser() -> argparse.ArgumentParser:
    parser = flags.Parser(prog="benchmarks/gpu.sh", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=flags.path, required=True, help="file of JSON lines, to append to"
    )
    parser.add_argument(
        "--films", type=flags.path, required=True, help="folder of `python -m benchmarks.gpu.films`"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="in all (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="the same on a CPU, at a small size")
    names = [stage.name for stage in STAGES]
    parser.add_argument("--stages", default=",".join(names), help="default: %(default)s")
    parser.add_argument(
        "--budget", action="append", default=[], metavar="STAGE=SECONDS", help="of one stage"
    )

    return parser


def _run(options: argparse.Namespace) -> int:
    budgets = _budgets(options.budget)
    stages = _stages(options.stages.split(","))
    if not options.minutes > 0:
        raise UserError(f"--minutes is {options.minutes:g}; give more than 0")
    deadline = time.monotonic() + 60 * options.minutes - ENDING
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        settings = _settings(options, scratch)
        environment = _environment(settings)
        for number, stage in enumerate(stages):
            share = _share(stages[number:], deadline - time.monotonic())
            status = run_stage(stage, budgets.get(stage.name, share), settings, environment)
            if stage.name == "machine" and status == MISTAKE:
                return status

    return 0


def _settings(options: argparse.Namespace, scratch: str) -> Settings:
    options.out.parent.mkdir(parents=True, exist_ok=True)
    return Settings(
        out=str(options.out.absolute()),
        log=str(options.out.absolute()) + ".log",
        films=str(options.films.absolute()),
        scratch=scratch,
        small=options.small,
        began=time.time(),
        driver=os.getpid(),
    )


def _share(stages: Sequence[Stage], left: float) -> float:
    """Returns the seconds of the first of these stages, which share the remaining time."""
    return max(0.0, left) * stages[0].seconds / sum(stage.seconds for stage in stages)


def _stages(names: Sequence[str]) -> list[Stage]:
    by_name = {stage.name: stage for stage in STAGES}
    for name in names:
        if name not in by_name:
            raise UserError(f"--stages has {name!r}; choose from {', '.join(by_name)}")
    return [by_name[name] for name in names]


def _budgets(options: Sequence[str]) -> dict[str, float]:
    budgets = {}
    for each in options:
        name, _, seconds = each.partition("=")
        _stages([name])
        try:
            budgets[name] = float(seconds)
        except ValueError as error:
            raise UserError(f"--budget is {each!r}; give STAGE=SECONDS") from error

    return budgets


def _environment(settings: Settings) -> dict[str, str]:
    """Returns the environment of all stages: an empty compilation cache, and missing wheels."""
    scratch = Path(settings.scratch)
    environment = dict(os.environ) | {"JAX_COMPILATION_CACHE_DIR": str(scratch / "compiled")}
    if settings.small:
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        # Compile faster to slower code, because a small run is not about speed.
        earlier_flags = environment.get("XLA_FLAGS", "")
        environment["XLA_FLAGS"] = f"{earlier_flags} --xla_backend_optimization_level=0"

    wheels = os.environ.get(WHEELS)
    if not wheels:
        return environment

    paths = sorted(map(str, Path(wheels).glob("*.whl")))
    if not paths:
        raise UserError(f"{WHEELS} is {wheels!r}, which holds no wheels; give a folder of them")
    site = str(scratch / "site")
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--target"]
    command = [sys.executable, "-m", "pip", "install", *options, site, *paths]
    installed = subprocess.run(command, check=False, capture_output=True, text=True)
    if installed.returncode:
        raise UserError(f"the wheels of {wheels} cannot be installed: {installed.stderr.strip()}")
    Journal(settings.out, "wheels", settings.began, sys.stdout).write("done", count=len(paths))
    earlier = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join([site, *filter(None, [earlier])])

    return environment


if __name__ == "__main__":
    leave(main)
