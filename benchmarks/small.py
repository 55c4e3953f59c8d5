"""Compiled steps of small networks on clips of noise, which `benchmarks.methods` and `benchmarks.scaling` time."""

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
from albar_jax.wiring.run_plan import batch_shapes
from configs import quickstart


class Step:
    """The training step of a config, compiled for the devices of a mesh; it has been taken once."""

    def __init__(self, config: Config, mesh: Mesh):
        apply, params = wiring.model(config, quickstart.NUM_CLASSES)
        method = wiring.method(config)
        optimizer = wiring.optimizer(
            config, wiring.learning_rate(config, wiring.run_length(config, num_videos=1000))
        )
        self.state: Any = jax.device_put(init_state(params, optimizer), replicated(mesh))
        shapes = batch_shapes(config, quickstart.NUM_CLASSES, method.needs)
        self.batch = jax.device_put(noise(shapes), split_batch(mesh))
        step = make_train_step(apply, method, optimizer, config.seed, mesh)
        traced = step.trace(self.state, self.batch)
        self.compiled = traced.lower().compile()
        self.flops = flops(traced, self.compiled)
        self.seconds()  # The first run allocates.

    def seconds(self) -> float:
        """Takes one step; returns its wall time."""
        began = time.perf_counter()
        self.state, metrics = self.compiled(self.state, self.batch)
        jax.block_until_ready(metrics)
        return time.perf_counter() - began


def noise(shapes: Batch) -> Batch:
    """Clips of noise, each of one class and one scene; a tenth of the pixels is a person."""
    rng = np.random.default_rng(0)

    def draw(array: jax.ShapeDtypeStruct) -> np.ndarray:
        match array.dtype.name:
            case "uint8":
                return rng.integers(256, size=array.shape, dtype=np.uint8)
            case "bool":
                return rng.random(array.shape) < 0.1
        count, kinds = array.shape
        return np.eye(kinds, dtype=array.dtype)[rng.integers(kinds, size=count)]

    count = shapes.valid.shape[0]
    drawn = jax.tree.map(draw, dataclasses.replace(shapes, valid=None, index=None))
    return dataclasses.replace(
        drawn, valid=np.ones(count, np.float32), index=np.arange(count, dtype=np.int32)
    )
