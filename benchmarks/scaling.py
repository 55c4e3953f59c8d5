"""Measures the growth of a step's cost: `python -m benchmarks.scaling --json OUT`.

Each axis changes the batch size, frames, resolution or devices of the quickstart's network. All
else stays at the smallest point of the axis. The network is trained plainly and with ALBAR.

The devices are virtual devices of this CPU and share its cores. They show memory and
communication, and their time shows the cost of splitting. All points of an axis alternate.
`exponent` is the p of cost ~ size^p, fitted by least squares to the logarithms.
"""

import argparse
import dataclasses
import json
from collections.abc import Sequence

import jax
import numpy as np

from albar_jax.config import Config, parse
from albar_jax.files import write_text
from albar_jax.parallel.mesh import data_mesh
from albar_jax.profiling.collectives import list_collectives
from albar_jax.terminal import flags
from albar_jax.wiring import program
from benchmarks.figures import growth
from benchmarks.small import Step
from configs import quickstart

TOKENS = ("ce", "albar")
# Config field -> values; the first is the smallest point. "devices" is the size of the mesh.
AXES = {
    "batch_size": (8, 16, 32, 64),
    "data.num_frames": (8, 16, 32, 64),
    "data.size": (32, 64, 96, 128),
    "devices": (1, 2, 4, 8),
}
# Field of a point -> unit in which it is printed.
QUANTITIES = {"seconds": 1e-3, "temporary": 1e6, "reduced": 1e6}


@dataclasses.dataclass(frozen=True)
class Point:
    """The cost of one step.

    Attributes:
      tokens: method.
      axis: changed config field, or "devices".
      value: its value.
      seconds: median wall time.
      temporary: temporary memory of a device, in bytes.
      reduced: size of the all-reduced arrays, in bytes.
    """

    tokens: str
    axis: str
    value: int
    seconds: float
    temporary: int
    reduced: int


def main(options: argparse.Namespace) -> int:
    """Measures all points, prints a table, and writes them to the file of --json."""
    jax.config.update("jax_num_cpu_devices", max(AXES["devices"]))
    print(
        f"{'':<24}{'':>8}{'ms':>10}{'temp MB':>10}{'sent MB':>10}{'exponents: time':>18}{'temp':>8}"
    )
    points = []
    for tokens in TOKENS:
        for axis, values in AXES.items():
            of_axis = measure(tokens, axis, values, options.rounds)
            print_axis(of_axis)
            points += of_axis

    if options.json:
        content = [dataclasses.asdict(point) for point in points]
        write_text(options.json, json.dumps(content, indent=1) + "\n")
    return 0


def measure(tokens: str, axis: str, values: Sequence[int], rounds: int) -> list[Point]:
    """Measures the points of an axis in alternation."""
    # All steps are compiled first, so that compiling does not disturb the times.
    steps = [Step(_config(tokens, axis, value), _mesh(axis, value)) for value in values]
    seconds_of_rounds = []
    for _ in range(rounds):
        seconds_of_rounds.append([step.seconds() for step in steps])
    medians = np.median(seconds_of_rounds, axis=0)

    points = []
    for value, seconds, step in zip(values, medians, steps, strict=True):
        temporary = step.compiled.memory_analysis().temp_size_in_bytes
        points.append(Point(tokens, axis, value, float(seconds), temporary, _reduced(step)))
    return points


def _config(tokens: str, axis: str, value: int) -> Config:
    config = quickstart.get_config(tokens)
    config.batch_size = AXES["batch_size"][0]
    if axis != "devices":
        config.update_from_flattened_dict({axis: value})
        config.data.short_side = config.data.size
    return parse(config)


def _mesh(axis: str, value: int) -> jax.sharding.Mesh:
    num_devices = value if axis == "devices" else 1
    return data_mesh(jax.devices()[:num_devices])


def _reduced(step: Step) -> int:
    # Gradients and metrics are all-reduced.
    collectives = list_collectives(step.compiled.as_text())
    return sum(kind.size for kind in collectives if kind.kind == "all-reduce")


def print_axis(points: Sequence[Point]) -> None:
    """Prints a row for each point; the last row has the exponents."""
    for point in points:
        cells = ""
        for name, unit in QUANTITIES.items():
            cells += f"{getattr(point, name) / unit:>10.1f}"
        if point is points[-1]:
            cells += f"{_exponent(points, 'seconds'):>18.2f}{_exponent(points, 'temporary'):>8.2f}"
        print(f"{point.tokens + ' ' + point.axis:<24}{point.value:>8}{cells}", flush=True)


def _exponent(points: Sequence[Point], quantity: str) -> float:
    values = [point.value for point in points]
    return growth(values, [getattr(point, quantity) for point in points])


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_count("--rounds", 9, "number of measurements of each point")
    help = "file to write the points to, for `benchmarks.plots`"
    parser.add_path("--json", help, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
