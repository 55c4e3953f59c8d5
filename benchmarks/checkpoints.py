"""Measures the cost of checkpoint checksums: `python -m benchmarks.checkpoints --folder DIR`.

Saves a random training state: float32 parameters with both moments of AdamW, 12 bytes per
parameter. Then verifies the checksums while the files are still in memory. Verification uses the
same files, hash and threads as saving. The share is the checksum time divided by the time of
saving, which includes the checksums. The table shows the median over checkpoints. The share should
be at most 0.1.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp

from albar_jax.errors import UserError
from albar_jax.storage import seals
from albar_jax.terminal import flags
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.types import TrainState
from albar_jax.wiring import program

# Parameters of one array, the size of a large layer.
LAYER = 1 << 21


def main(options: argparse.Namespace) -> int:
    """Measures all sizes and prints a table."""
    print(
        f"{'parameters':>12}{'MB':>10}{'returns s':>12}{'saved s':>10}{'checksums s':>14}"
        f"{'share':>10}"
    )
    for millions in options.millions:
        folder = Path(tempfile.mkdtemp(prefix="albar_jax_checkpoints_", dir=options.folder))
        try:
            _measure(folder, millions, options.turns)
        finally:
            shutil.rmtree(folder)
    return 0


def _measure(folder: Path, millions: int, turns: int) -> None:
    checkpoints = Checkpoints(folder)
    rows = []
    for turn in range(1, turns + 1):
        # Each checkpoint has new random numbers.
        state = _state(turn, millions)

        began = time.perf_counter()
        checkpoints.save(state, {}, None)
        returned = time.perf_counter()
        # Saving continues in the background.
        checkpoints.wait()
        saved = time.perf_counter()

        path = checkpoints.directory / str(turn)
        fault = seals.fault(path)
        if fault:
            raise UserError(f"{path} is damaged: {fault}; measure another disk")
        rows.append((returned - began, saved - began, time.perf_counter() - saved))

    checkpoints.close()
    megabytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
    returns, saves, sums = map(statistics.median, zip(*rows, strict=True))
    share = statistics.median(row[2] / row[1] for row in rows)
    print(
        f"{millions:>10} M{megabytes:>10,.0f}{returns:>12.2f}{saves:>10.2f}{sums:>14.2f}"
        f"{share:>10.1%}",
        flush=True,
    )


def _state(step: int, millions: int) -> TrainState:
    """Returns a state of random numbers, which, like trained parameters, hardly compress."""
    num_layers = max(1, millions * 10**6 // LAYER)
    keys = jax.random.split(jax.random.key(step), 3 * num_layers)
    # Compiled once for all arrays.
    draw = jax.jit(lambda key: jax.random.normal(key, (LAYER,)))

    trees = []
    for offset in range(3):
        trees.append({f"layer{number}": draw(key) for number, key in enumerate(keys[offset::3])})
    params, first_moment, second_moment = trees
    moments = {"mu": first_moment, "nu": second_moment}
    return TrainState(jnp.int32(step), params, moments, {})


def _options() -> argparse.Namespace:
    parser = flags.Parser(prog="python -m benchmarks.checkpoints", description=__doc__)
    parser.add_path("--folder", "folder on the disk to measure", default=tempfile.gettempdir())
    parser.add_argument(
        "--millions",
        type=flags.count,
        nargs="+",
        default=[28, 100],
        metavar="N",
        help="numbers of parameters, in millions",
    )
    parser.add_count("--turns", 3, "number of checkpoints of each size")
    return parser.parse_args()


if __name__ == "__main__":
    program.leave_with(lambda: main(_options()))
