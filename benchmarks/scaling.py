"""How a step grows with its batch, frames, resolution and devices: `python -m benchmarks.scaling --json OUT`.

The quickstart's network, plain and ALBAR, in multiples of its smallest point; on each axis all else stays as it is at
that point. The devices are virtual ones of this CPU, which share its cores: what they tell is memory and what is sent,
and by their time what splitting costs. All points of an axis take turns. `exponent` is the p of cost ~ size^p, by least
squares between the logarithms.
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
# What is changed of the config, and the values; the first is the smallest point. "devices" is the mesh.
AXES = {
    "batch_size": (8, 16, 32, 64),
    "data.num_frames": (8, 16, 32, 64),
    "data.size": (32, 64, 96, 128),
    "devices": (1, 2, 4, 8),
}
QUANTITIES = {
    "seconds": 1e-3,
    "temporary": 1e6,
    "reduced": 1e6,
}  # and the units that they are printed in


@dataclasses.dataclass(frozen=True)
class Point:
    """The cost of one step: its time, and the bytes that a device keeps in between and that it gets from others."""

    tokens: str
    axis: str
    value: int
    seconds: float
    temporary: int
    reduced: int


def main(options: argparse.Namespace) -> int:
    """Measures all points, prints a table, and writes them where --json says."""
    jax.config.update("jax_num_cpu_devices", max(AXES["devices"]))
    points = []
    print(
        f"{'':<24}{'':>8}{'ms':>10}{'temp MB':>10}{'sent MB':>10}{'exponents: time':>18}{'temp':>8}"
    )
    for tokens in TOKENS:
        for axis, values in AXES.items():
            points += measure(tokens, axis, values, options.rounds)
            print_axis(points[-len(values) :])
    if options.json:
        write_text(
            options.json,
            json.dumps([dataclasses.asdict(point) for point in points], indent=1) + "\n",
        )
    return 0


def measure(tokens: str, axis: str, values: Sequence[int], rounds: int) -> list[Point]:
    """The points of an axis, whose steps take turns; the time is the median."""
    steps = [Step(_config(tokens, axis, value), _mesh(axis, value)) for value in values]
    seconds = np.median([[step.seconds() for step in steps] for _ in range(rounds)], axis=0)
    return [
        Point(
            tokens,
            axis,
            value,
            float(time),
            step.compiled.memory_analysis().temp_size_in_bytes,
            _reduced(step),
        )
        for value, time, step in zip(values, seconds, steps, strict=True)
    ]


def _config(tokens: str, axis: str, value: int) -> Config:
    config = quickstart.get_config(tokens)
    config.batch_size = AXES["batch_size"][0]
    if axis != "devices":
        config.update_from_flattened_dict({axis: value})
        config.data.short_side = config.data.size
    return parse(config)


def _mesh(axis: str, value: int):
    return data_mesh(jax.devices()[: value if axis == "devices" else 1])


def _reduced(step: Step) -> int:
    return sum(
        kind.size for kind in list_collectives(step.compiled.as_text()) if kind.kind == "all-reduce"
    )


def print_axis(points: Sequence[Point]) -> None:
    """A row for each point; the last has the exponents."""
    values = [point.value for point in points]
    exponents = [
        growth(values, [getattr(point, name) for point in points])
        for name in ("seconds", "temporary")
    ]
    for point in points:
        cells = "".join(
            f"{getattr(point, name) / unit:>10.1f}" for name, unit in QUANTITIES.items()
        )
        end = f"{exponents[0]:>18.2f}{exponents[1]:>8.2f}" if point is points[-1] else ""
        print(f"{point.tokens + ' ' + point.axis:<24}{point.value:>8}{cells}{end}", flush=True)


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument(
        "--rounds",
        type=flags.count,
        default=9,
        metavar="N",
        help="number of measurements of each point",
    )
    parser.add_argument(
        "--json",
        type=flags.path,
        default=None,
        metavar="FILE",
        help="file to write the points to, for `benchmarks.plots`",
    )
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
