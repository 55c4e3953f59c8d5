"""Measures the cost of a training step of each method: `python -m benchmarks.methods`.

The unit is a step of plain cross-entropy. The methods alternate, so that a busy machine slows all
of them equally. Ratios are ratios of medians.
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
    """Compiles the quickstart's step for each method, times all of them, and prints a table."""
    steps = {tokens: Step(parse(quickstart.get_config(tokens)), data_mesh()) for tokens in TOKENS}
    seconds_of = {tokens: [] for tokens in TOKENS}
    # One step of each method in each round.
    for _ in range(options.rounds):
        for tokens, step in steps.items():
            seconds_of[tokens].append(step.seconds())

    plain_flops = steps["ce"].flops
    plain_seconds = np.median(seconds_of["ce"])
    print(f"{'method':<16}{'FLOPs / ce':>12}{'time / ce':>12}{'spread':>16}{'clips/s':>10}")
    for tokens, step in steps.items():
        ratios = np.array(seconds_of[tokens]) / plain_seconds
        low, middle, high = np.percentile(ratios, [25, 50, 75])
        clips_per_second = len(step.batch.index) / np.median(seconds_of[tokens])
        print(
            f"{tokens:<16}{step.flops / plain_flops:>12.2f}{middle:>12.2f}"
            f"{low:>9.2f}..{high:.2f}{clips_per_second:>11.0f}"
        )
    return 0


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.methods", description=__doc__)
    parser.add_count("--rounds", 20, "number of measurements of each method")
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
