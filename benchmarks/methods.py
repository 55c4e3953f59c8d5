"""What a training step of each method costs, in steps of plain cross-entropy: `python -m benchmarks.methods`.

The methods take turns, so that a busy machine slows all of them alike; the ratio is of medians.
"""

import argparse

import numpy as np

from albar_jax.config import parse
from albar_jax.methods import METHODS
from albar_jax.parallel.mesh import data_mesh
from albar_jax.terminal import flags
from albar_jax.wiring import program
from benchmarks.small import Step
from configs import quickstart

TOKENS = (*sorted(METHODS), "albar_fast", "stillmix+albar")


def main(options: argparse.Namespace) -> int:
    """Compiles the quickstart's step for each method, times them in turns, and prints the table."""
    steps = {tokens: Step(parse(quickstart.get_config(tokens)), data_mesh()) for tokens in TOKENS}
    seconds = {tokens: [] for tokens in TOKENS}
    for _ in range(options.rounds):
        for tokens, step in steps.items():
            seconds[tokens].append(step.seconds())
    plain_flops, plain_seconds = steps["ce"].flops, np.median(seconds["ce"])
    print(f"{'method':<16}{'FLOPs / ce':>12}{'time / ce':>12}{'spread':>16}{'clips/s':>10}")
    for tokens, step in steps.items():
        ratios = np.array(seconds[tokens]) / plain_seconds
        low, high = np.percentile(ratios, [25, 75])
        rate = len(step.batch.index) / np.median(seconds[tokens])
        flops = step.flops / plain_flops
        print(
            f"{tokens:<16}{flops:>12.2f}{np.median(ratios):>12.2f}{low:>9.2f}..{high:.2f}{rate:>11.0f}"
        )
    return 0


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.methods", description=__doc__)
    parser.add_argument(
        "--rounds",
        type=flags.count,
        default=20,
        metavar="N",
        help="number of measurements of each method",
    )
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
