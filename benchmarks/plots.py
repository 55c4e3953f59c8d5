"""Draws the points of `benchmarks.scaling`.

Usage: `python -m benchmarks.plots POINTS.json docs/scaling.svg`
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError, exit_status, leave
from albar_jax.files import write_text
from albar_jax.report.study_plots import Chart, curves, svg
from albar_jax.terminal import flags

# Axis of a point -> title.
TITLES = {
    "batch_size": "clips",
    "data.num_frames": "frames",
    "data.size": "height and width",
    "devices": "devices",
}
# (tokens, field of a point) -> name of its line.
LINES = {
    ("ce", "seconds"): "ce, time",
    ("ce", "temporary"): "ce, memory",
    ("albar", "seconds"): "albar, time",
    ("albar", "temporary"): "albar, memory",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
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
            f"{points} was not written by benchmarks.scaling; give the file of its --json"
        ) from error
    write_text(out, picture)


def draw(points: Sequence[Mapping]) -> str:
    """Draws a chart for each axis as SVG: time and memory in multiples of the smallest point."""
    charts = []
    for axis in TITLES:
        charts.append(_chart(axis, [point for point in points if point["axis"] == axis]))
    return svg(charts, list(LINES.values()))


def _chart(axis: str, points: Sequence[Mapping]) -> Chart:
    lines = []
    for color, (tokens, quantity) in enumerate(LINES):
        places = []
        for point in points:
            if point["tokens"] == tokens:
                places.append((point["value"], point[quantity]))
        series = np.array(places, float)
        # The first point is the smallest.
        series[:, 1] /= series[0, 1]
        lines.append((color, False, series))

    return curves("a step, in multiples of the smallest", TITLES[axis], lines)


if __name__ == "__main__":
    leave(main)
