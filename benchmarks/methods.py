"""Measures the cost of a training step of each method: `python -m benchmarks.methods`.

The unit is a step of plain cross-entropy. The methods alternate, so that a busy machine slows all
of them equally. Ratios are ratios of medians.
"""

import numpy as np
from absl import flags

from albar_jax import cli
from albar_jax.config import parse
from albar_jax.methods import METHODS
from albar_jax.parallel.mesh import data_mesh
from benchmarks.small import Step
from configs import quickstart

TOKENS = (*sorted(METHODS), "albar_fast", "stillmix+albar")
ROUNDS = flags.DEFINE_integer("rounds", 20, "Steps of each method.", lower_bound=1)


def main() -> int:
    """Compiles the quickstart's step for each method, times all of them, and prints a table."""
    steps = {tokens: Step(parse(quickstart.get_config(tokens)), data_mesh()) for tokens in TOKENS}
    seconds_of = {tokens: [] for tokens in TOKENS}
    # One step of each method in each round.
    for _ in range(ROUNDS.value):
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


if __name__ == "__main__":
    cli.run(main)
