"""What a step needs of a TPU, as a Markdown table: `python -m benchmarks.plan_table plans.json`.

Compiles each step for two batch sizes and two kinds of chip, as `albar_jax.commands.plan` does, which takes hours. What it found
is kept in the JSON file and not compiled again. Other batch sizes are on the line through the two.
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
COMPILED = (1, 2)  # clips a chip
EXTRAPOLATED = (4, 8, 16, 32)
# The methods, and what is changed of configs/hmdb51.py in bfloat16.
MODES = {
    "ce": ("ce", {}),
    "albar": ("albar", {}),
    "albar, two_pass, full": ("albar", {"methods.albar.memory": "two_pass", "model.remat": "full"}),
}
Found = dict[str, run_plan.Plan]  # by `name_of`


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = flags.Parser(prog="python -m benchmarks.plan_table", description=__doc__)
    parser.add_argument("plans", type=flags.path)
    options = parser.parse_args(arguments)
    return exit_status(lambda: _run(options.plans))


def _run(path: Path) -> None:
    found = _read(path)
    for mode, topology, clips in itertools.product(MODES, TOPOLOGIES, COMPILED):
        name = name_of(mode, topology, clips)
        if name not in found:
            print(f"compiling {name}", flush=True)
            found[name] = find(mode, topology, clips)
            write_text(
                path,
                json.dumps({key: dataclasses.asdict(each) for key, each in found.items()}, indent=1)
                + "\n",
            )
    print(table(found))


def find(mode: str, topology: str, clips: int) -> run_plan.Plan:
    """The plan of a step with so many clips a chip."""
    tokens, changes = MODES[mode]
    config = hmdb51.get_config(tokens)
    devices = run_plan.chips(topology)
    config.update_from_flattened_dict(
        {"model.dtype": "bfloat16", "batch_size": clips * len(devices), **changes}
    )
    return run_plan.compile_step(parse(config), data_mesh(devices))


def table(found: Found) -> str:
    """The steps as Markdown: memory in GB, `~` before what is extrapolated."""
    sizes = [*COMPILED, *EXTRAPOLATED]
    lines = [
        f"| GB of a chip, by its clips | {' | '.join(map(str, sizes))} | most clips | FLOPs a clip |",
        "|---|" + "--:|" * (len(sizes) + 2),
    ]
    for mode, topology in itertools.product(MODES, TOPOLOGIES):
        lines.append(
            _row(mode, topology, [found[name_of(mode, topology, clips)] for clips in COMPILED])
        )
    return "\n".join(lines)


def _row(mode: str, topology: str, plans: Sequence[run_plan.Plan]) -> str:
    chip, peaks = topology.partition(":")[0], [each.peak for each in plans]
    slope, start = np.polyfit(COMPILED, peaks, 1)
    most = int((run_plan.CHIP_MEMORY[chip] * run_plan.GB - start) // slope)
    compiled = [f"{peak / run_plan.GB:.2f}" for peak in peaks]
    further = [
        f"~{(start + slope * clips) / run_plan.GB:.1f}" if clips <= most else "--"
        for clips in EXTRAPOLATED
    ]
    larger = plans[-1]
    flops = f"{larger.flops / larger.clips / 1e12:.2f} T"
    return f"| {mode}, {chip} | {' | '.join([*compiled, *further, f'~{most}', flops])} |"


def name_of(mode: str, topology: str, clips: int) -> str:
    """What a plan is kept by."""
    return f"{mode} on {topology}, {clips} a chip"


def _read(path: Path) -> Found:
    try:
        written = json.loads(path.read_text()) if path.exists() else {}
        return {name: run_plan.Plan(**figures) for name, figures in written.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is nothing that this version of benchmarks.plan_table wrote; give such a file, or a new one"
        ) from error


if __name__ == "__main__":
    leave(main)
