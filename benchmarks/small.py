"""Compiles steps of small networks on clips of noise, for other benchmarks to time."""

import dataclasses
import time
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.parallel.mesh import replicated, split_batch
from albar_jax.profiling.flops import flops
from albar_jax.train.step import init_state, make_train_step
from albar_jax.types import Batch
from albar_jax.wiring.abstract_step import NUM_VIDEOS, batch_shapes
from configs import quickstart


class Step:
    """The compiled training step of a config.

    Attributes:
      state: the training state.
      batch: a batch of noise.
      compiled: the compiled step.
      flops: FLOPs of the step.
    """

    def __init__(self, config: Config, mesh: Mesh):
        apply, params = wiring.model(config, quickstart.NUM_CLASSES)
        method = wiring.method(config)
        length = wiring.run_length(config, NUM_VIDEOS)
        optimizer = wiring.optimizer(config, wiring.learning_rate(config, length))
        self.state: Any = jax.device_put(init_state(params, optimizer), replicated(mesh))

        shapes = batch_shapes(config, quickstart.NUM_CLASSES, method.needs)
        self.batch = jax.device_put(noise(shapes), split_batch(mesh))

        step = make_train_step(apply, method, optimizer, config.seed, mesh)
        traced = step.trace(self.state, self.batch)
        self.compiled = traced.lower().compile()
        self.flops = flops(traced, self.compiled)
        # The first run allocates memory.
        self.seconds()

    def seconds(self) -> float:
        """Runs one step and returns its wall time."""
        began = time.perf_counter()
        self.state, metrics = self.compiled(self.state, self.batch)
        jax.block_until_ready(metrics)
        return time.perf_counter() - began


def noise(shapes: Batch) -> Batch:
    """Returns a batch of random pixels, classes and scenes.

    Person masks cover a random tenth of the pixels.
    """
    rng = np.random.default_rng(0)

    def draw(array: jax.ShapeDtypeStruct) -> np.ndarray:
        match array.dtype.name:
            case "uint8":
                return rng.integers(256, size=array.shape, dtype=np.uint8)
            case "bool":
                return rng.random(array.shape) < 0.1
        # All other arrays are one-hot.
        num_clips, num_kinds = array.shape
        return np.eye(num_kinds, dtype=array.dtype)[rng.integers(num_kinds, size=num_clips)]

    num_clips = shapes.valid.shape[0]
    drawn = jax.tree.map(draw, dataclasses.replace(shapes, valid=None, index=None))
    return dataclasses.replace(
        drawn, valid=np.ones(num_clips, np.float32), index=np.arange(num_clips, dtype=np.int32)
    )
