"""Tabulates the memory of a step on TPUs: `python -m benchmarks.plan_table plans.json`.

Compiles each step for two batch sizes and two kinds of chip, as `albar plan` does.
This takes hours. Finished plans are kept in the JSON file and are not compiled again. Figures of
other batch sizes are extrapolated along the line through the two. Prints a Markdown table.
"""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from albar_jax.config import parse
from albar_jax.errors import UserError, exit_status, leave
from albar_jax.files import write_text
from albar_jax.parallel.mesh import data_mesh
from albar_jax.terminal import flags
from albar_jax.wiring import run_plan
from configs import hmdb51

TOPOLOGIES = ("v5e:2x2", "v5p:2x2x1")
# Clips of a chip.
COMPILED = (1, 2)
EXTRAPOLATED = (4, 8, 16, 32)
# Row of the table -> tokens, and changes of configs/hmdb51.py. All rows use bfloat16.
MODES = {
    "ce": ("ce", {}),
    "albar": ("albar", {}),
    "albar, two_pass, full": ("albar", {"methods.albar.memory": "two_pass", "model.remat": "full"}),
}
# Compiled plans by `name_of`.
Plans = dict[str, run_plan.Plan]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    parser = flags.Parser(prog="python -m benchmarks.plan_table", description=__doc__)
    parser.add_argument("plans", type=flags.path)
    options = parser.parse_args(arguments)
    return exit_status(lambda: _run(options.plans))


def _run(path: Path) -> None:
    plans = _read(path)
    for mode, topology, clips in itertools.product(MODES, TOPOLOGIES, COMPILED):
        name = name_of(mode, topology, clips)
        if name not in plans:
            print(f"compiling {name}", flush=True)
            # The file is written after each plan, so that an interruption loses only one.
            plans[name] = compile_plan(mode, topology, clips)
            _write(path, plans)

    print(table(plans))


def compile_plan(mode: str, topology: str, clips: int) -> run_plan.Plan:
    """Compiles the step of a mode, given the number of clips of a chip."""
    tokens, changes = MODES[mode]
    config = hmdb51.get_config(tokens)
    devices = run_plan.chips(topology)
    config.update_from_flattened_dict(
        {"model.dtype": "bfloat16", "batch_size": clips * len(devices), **changes}
    )
    return run_plan.compile_step(parse(config), data_mesh(devices))


def table(plans: Plans) -> str:
    """Returns the Markdown table: memory in GB, with `~` before extrapolated figures."""
    sizes = [*COMPILED, *EXTRAPOLATED]
    titles = ["GB of a chip, by its clips", *map(str, sizes), "most clips", "FLOPs a clip"]
    lines = [f"| {' | '.join(titles)} |", "|---|" + "--:|" * (len(sizes) + 2)]
    for mode, topology in itertools.product(MODES, TOPOLOGIES):
        compiled = [plans[name_of(mode, topology, clips)] for clips in COMPILED]
        lines.append(_row(mode, topology, compiled))
    return "\n".join(lines)


def _row(mode: str, topology: str, plans: Sequence[run_plan.Plan]) -> str:
    chip = topology.partition(":")[0]
    peaks = [plan.peak for plan in plans]
    # Memory is linear in the number of clips: the state, and a slope for each clip.
    slope, start = np.polyfit(COMPILED, peaks, 1)
    most_clips = int((run_plan.CHIP_MEMORY[chip] * run_plan.GB - start) // slope)

    cells = [f"{peak / run_plan.GB:.2f}" for peak in peaks]
    for clips in EXTRAPOLATED:
        if clips <= most_clips:
            cells.append(f"~{(start + slope * clips) / run_plan.GB:.1f}")
        else:
            cells.append("--")

    largest = plans[-1]
    teraflops = largest.flops / largest.clips / 1e12
    cells += [f"~{most_clips}", f"{teraflops:.2f} T"]
    return f"| {mode}, {chip} | {' | '.join(cells)} |"


def name_of(mode: str, topology: str, clips: int) -> str:
    """Returns the key of a plan in the JSON file."""
    return f"{mode} on {topology}, {clips} a chip"


def _write(path: Path, plans: Plans) -> None:
    content = {name: dataclasses.asdict(plan) for name, plan in plans.items()}
    write_text(path, json.dumps(content, indent=1) + "\n")


def _read(path: Path) -> Plans:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
        return {name: run_plan.Plan(**fields) for name, fields in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} was not written by this version of benchmarks.plan_table; give another file"
        ) from error


if __name__ == "__main__":
    leave(main)
