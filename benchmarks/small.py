"""Compiled steps of small networks on clips of noise, which `benchmarks.methods` and `benchmarks.scaling` time."""

import time
from collections.abc import Collection
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from albar_jax import build
from albar_jax.config import Config
from albar_jax.feed import to_batch
from albar_jax.mesh import replicated
from albar_jax.train_step import init_state, make_train_step
from configs import quickstart


class Step:
    """The training step of a config, compiled for the devices of a mesh; it has been taken once."""

    def __init__(self, config: Config, mesh: Mesh):
        apply, params = build.model(config, quickstart.NUM_CLASSES)
        method = build.method(config)
        optimizer = build.optimizer(config, build.learning_rate(config, build.schedule(config, num_videos=1000)))
        self.state: Any = jax.device_put(init_state(params, optimizer), replicated(mesh))
        self.batch = to_batch(_random_clips(config, method.needs), quickstart.NUM_CLASSES, mesh)
        step = make_train_step(apply, method, optimizer, config.seed, mesh)
        self.compiled = step.lower(self.state, self.batch).compile()
        self.seconds()  # The first run allocates.

    def seconds(self) -> float:
        """Takes one step; returns its wall time."""
        began = time.perf_counter()
        self.state, metrics = self.compiled(self.state, self.batch)
        jax.block_until_ready(metrics)
        return time.perf_counter() - began

    def flops(self) -> float:
        """As XLA counts them, of one device."""
        return self.compiled.cost_analysis()["flops"]


def _random_clips(config: Config, needs: Collection[str]) -> dict[str, np.ndarray]:
    rng, classes = np.random.default_rng(0), quickstart.NUM_CLASSES
    count, frames, size = config.batch_size, config.data.num_frames, config.data.size
    brought = {
        "person_mask": rng.random((count, frames, size, size)) < 0.1,
        "still": rng.integers(256, size=(count, size, size, 3), dtype=np.uint8),
        "scene": np.eye(classes, dtype=np.float32)[rng.integers(classes, size=count)],
    }
    return {name: brought[name] for name in needs} | {
        "video": rng.integers(256, size=(count, frames, size, size, 3), dtype=np.uint8),
        "label": rng.integers(classes, size=count, dtype=np.int32),
        "valid": np.ones(count, np.float32),
        "index": np.arange(count, dtype=np.int32),
    }
