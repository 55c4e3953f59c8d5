"""Gives one reader changed inputs and keeps the inputs that cause a fault."""

import collections
import dataclasses
import json
import os
import random
import shlex
import shutil
import sys
import time
from pathlib import Path

from fuzz import tree
from fuzz.process import Process, Verdict
from fuzz.readers import Reader

# Number of inputs to keep for each fault.
_KEPT = 3


@dataclasses.dataclass
class Report:
    """The results of one reader.

    Attributes:
      inputs: number of inputs.
      read: number of inputs that were read without an error.
      findings: number of inputs by fault.
    """

    inputs: int = 0
    read: int = 0
    findings: collections.Counter = dataclasses.field(default_factory=collections.Counter)


def run(
    name: str,
    reader: Reader,
    out: Path,
    process: Process,
    seed: int,
    *,
    inputs: int,
    seconds: float,
) -> Report:
    """Gives inputs number 0, 1, 2, ... to a reader.

    Args:
      name: name of the reader.
      reader: the reader.
      out: folder for seeds and findings.
      process: process that reads the inputs.
      seed: seed of all inputs.
      inputs: maximum number of inputs.
      seconds: time limit in seconds.
    """
    report = Report()
    seeds = make_seeds(name, reader, out)

    # A reader that refuses its valid inputs would test nothing.
    for folder in seeds:
        verdict = process.judge(name, folder, reader.limits)
        if verdict.outcome != "read":
            reason = verdict.fault or verdict.detail.strip().rpartition("\n")[2]
            print(
                f"note: {name}: the valid input {folder.name} cannot be read: {reason[:300]}",
                flush=True,
            )

    deadline = time.monotonic() + seconds
    for number in range(inputs):
        if time.monotonic() > deadline:
            break

        # Each input has its own numbers, so it can be made again without the others.
        rng = random.Random(f"{seed}/{name}/{number}")
        tree.make(rng.choice(seeds), seeds, process.case, rng, reader.targets)

        if reader.finish is not None:
            reader.finish(process.case, rng)

        verdict = process.judge(name, process.case, reader.limits)
        report.inputs += 1
        report.read += verdict.outcome == "read"

        if verdict.fault:
            report.findings[verdict.fault] += 1
            # Many inputs cause the same fault.
            if report.findings[verdict.fault] <= _KEPT:
                finding = {"reader": name, "seed": seed, "number": number, "fault": verdict.fault}
                _keep(
                    process.case,
                    out / "findings" / f"{_slug(name)}-{seed}-{number}",
                    finding,
                    verdict,
                )

    return report


def make_seeds(name: str, reader: Reader, out: Path) -> list[Path]:
    """Returns the folders of the valid inputs of a reader; makes them at the first call."""
    seeds = out / "seeds" / _slug(name)
    if not seeds.is_dir():
        partial = seeds.with_name(f"{seeds.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        reader.seeds(partial)
        partial.rename(seeds)

    return sorted(seeds.iterdir())


def _slug(name: str) -> str:
    return name.replace(" ", "_")


def _keep(case: Path, folder: Path, finding: dict, verdict: Verdict) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Moves the input, because a pipe or a link to itself cannot be copied.
    os.rename(case, folder / "case")
    command = shlex.join([sys.executable, "-m", "fuzz", "--replay", str(folder)])
    (folder / "finding.json").write_text(
        json.dumps(finding | {"command": command}, indent=2) + "\n"
    )
    (folder / "detail.txt").write_text(verdict.detail, errors="replace")
    print(f"finding: {finding['reader']}: {verdict.fault}: {command}", flush=True)
