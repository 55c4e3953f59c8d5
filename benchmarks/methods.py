"""What a training step of each method costs, in steps of plain cross-entropy: `python -m benchmarks.methods`, in `make bench`.

The methods take turns, so that a busy machine slows all of them alike; the ratio is of medians.
"""

import time
from collections.abc import Collection

import jax
import numpy as np
from absl import flags

from albar_jax import build, cli
from albar_jax.config import parse
from albar_jax.feed import to_batch
from albar_jax.mesh import data_mesh, replicated
from albar_jax.methods import METHODS
from albar_jax.train_step import init_state, make_train_step
from configs import quickstart

TOKENS = (*sorted(METHODS), "albar_fast", "stillmix+albar")
ROUNDS = flags.DEFINE_integer("rounds", 20, "Turns of each method.")


def main() -> int:
    """Compiles the quickstart's step for each method, times them in turns, and prints the table."""
    steps = {tokens: _compiled(tokens) for tokens in TOKENS}
    seconds = {tokens: [] for tokens in TOKENS}
    for _ in range(ROUNDS.value):
        for tokens, (step, state, batch) in steps.items():
            began = time.perf_counter()
            state, metrics = step(state, batch)
            jax.block_until_ready(metrics)
            seconds[tokens].append(time.perf_counter() - began)
            steps[tokens] = step, state, batch
    plain_flops, plain_seconds = _flops(steps["ce"][0]), np.median(seconds["ce"])
    print(f"{'method':<16}{'FLOPs / ce':>12}{'time / ce':>12}{'spread':>16}{'clips/s':>10}")
    for tokens, (step, _, batch) in steps.items():
        ratios = np.array(seconds[tokens]) / plain_seconds
        low, high = np.percentile(ratios, [25, 75])
        rate = len(batch.index) / np.median(seconds[tokens])
        flops = _flops(step) / plain_flops
        print(f"{tokens:<16}{flops:>12.2f}{np.median(ratios):>12.2f}{low:>9.2f}..{high:.2f}{rate:>11.0f}")
    return 0


def _compiled(tokens: str):
    config = parse(quickstart.get_config(tokens))
    mesh, num_classes = data_mesh(), quickstart.NUM_CLASSES
    apply, params = build.model(config, num_classes)
    method = build.method(config)
    optimizer = build.optimizer(config, build.learning_rate(config, build.schedule(config, num_videos=1000)))
    state = jax.device_put(init_state(params, optimizer), replicated(mesh))
    batch = to_batch(_random_clips(config.batch_size, method.needs), num_classes, mesh)
    step = make_train_step(apply, method, optimizer, config.seed, mesh)
    compiled = step.lower(state, batch).compile()
    state, _ = compiled(state, batch)  # The first run allocates.
    return compiled, state, batch


def _random_clips(count: int, needs: Collection[str]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    brought = {
        "person_mask": rng.random((count, 8, 32, 32)) < 0.1,
        "still": rng.integers(256, size=(count, 32, 32, 3), dtype=np.uint8),
        "scene": np.eye(quickstart.NUM_CLASSES, dtype=np.float32)[rng.integers(quickstart.NUM_CLASSES, size=count)],
    }
    return {name: brought[name] for name in needs} | {
        "video": rng.integers(256, size=(count, 8, 32, 32, 3), dtype=np.uint8),
        "label": rng.integers(quickstart.NUM_CLASSES, size=count, dtype=np.int32),
        "valid": np.ones(count, np.float32),
        "index": np.arange(count, dtype=np.int32),
    }


def _flops(step) -> float:
    return step.cost_analysis()["flops"]


if __name__ == "__main__":
    cli.run(main)
