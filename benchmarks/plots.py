"""Draws what `benchmarks.scaling --json` wrote: `python -m benchmarks.plots POINTS.json docs/scaling.svg`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError, exit_status, leave
from albar_jax.files import write_text
from albar_jax.report.study_plots import Chart, curves, svg
from albar_jax.terminal import flags

TITLES = {
    "batch_size": "clips",
    "data.num_frames": "frames",
    "data.size": "height and width",
    "devices": "devices",
}
LINES = (("ce", "seconds"), ("ce", "temporary"), ("albar", "seconds"), ("albar", "temporary"))
LEGEND = [
    f"{tokens}, {'time' if quantity == 'seconds' else 'memory'}" for tokens, quantity in LINES
]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = flags.Parser(prog="python -m benchmarks.plots", description=__doc__)
    parser.add_argument("points", type=flags.path)
    parser.add_argument("out", type=flags.path)
    options = parser.parse_args(arguments)
    return exit_status(lambda: _run(options.points, options.out))


def _run(points: Path, out: Path) -> None:
    try:
        picture = draw(json.loads(points.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{points} is nothing that benchmarks.scaling wrote; give what its --json named"
        ) from error
    write_text(out, picture)


def draw(points: Sequence[Mapping]) -> str:
    """A chart for each axis: time and memory in multiples of the smallest point's, as SVG."""
    return svg(
        [_chart(axis, [point for point in points if point["axis"] == axis]) for axis in TITLES],
        LEGEND,
    )


def _chart(axis: str, points: Sequence[Mapping]) -> Chart:
    lines = []
    for color, (tokens, quantity) in enumerate(LINES):
        series = np.array(
            [(p["value"], p[quantity]) for p in points if p["tokens"] == tokens], float
        )
        series[:, 1] /= series[0, 1]
        lines.append((color, False, series))
    return curves("a step, in multiples of the smallest", TITLES[axis], lines)


if __name__ == "__main__":
    leave(main)
