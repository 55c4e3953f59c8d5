"""Our steps, made as `train.py` and `evaluate.py` make them."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from albar_jax import wiring
from albar_jax.config import Config, parse
from albar_jax.parallel.feed import to_batch
from albar_jax.parallel.mesh import data_mesh, replicated
from albar_jax.profiling import host_memory
from albar_jax.profiling.flops import flops
from albar_jax.train.step import init_state, make_eval_step, make_train_step
from albar_jax.types import Batch
from albar_jax.weights.loading import initial_params, load
from benchmarks.task import NUM_CLASSES, RATE, Held, Task, clips
from configs import hmdb51


def make(program: str, task: Task) -> Held:
    """Makes the step of a program, one of PROGRAMS."""
    if task.dtype == "float32":  # and not TensorFloat-32, which a GPU multiplies in by default
        jax.config.update("jax_default_matmul_precision", "highest")
    config = _config("albar" if program == "albar" else "ce", task)
    mesh, (video, labels) = data_mesh(), clips(task)
    network = wiring.model_config(config, NUM_CLASSES)
    batch = _batch(video, labels, mesh)
    if program == "forward":
        apply, _ = wiring.model_shapes(config, NUM_CLASSES, mesh)
        params = jax.device_put(load(config.init, network)[1], replicated(mesh))
        traced = make_eval_step(apply, mesh).trace(params, batch)
        step = traced.lower().compile()
        run = lambda: -float(np.mean(np.log(np.asarray(step(params, batch).probs)[np.arange(task.batch), labels])))  # noqa: E731
    else:
        apply, params = wiring.model(config, NUM_CLASSES)
        params = initial_params(config.init, network, params)
        optimizer = wiring.optimizer(config, lambda count: RATE)
        state = jax.device_put(init_state(params, optimizer), replicated(mesh))
        train_step = make_train_step(apply, wiring.method(config), optimizer, config.seed, mesh)
        traced = train_step.trace(state, batch)
        step = traced.lower().compile()
        run = _Training(step, state, batch)
    counted = flops(traced, step)
    host_memory.forget_traces()
    return Held(run, _gpu_memory, counted)


def _batch(video: np.ndarray, labels: np.ndarray, mesh: Mesh) -> Batch:
    """Returns the batch of these clips on the devices of the mesh."""
    size = len(labels)
    arrays = {
        "video": video,
        "label": labels,
        "valid": np.ones(size, np.float32),
        "index": np.arange(size, dtype=np.int32),
    }
    return to_batch(arrays, NUM_CLASSES, mesh)


def _gpu_memory() -> int | None:
    return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")  # a CPU has none


def _config(tokens: str, task: Task) -> Config:
    config = hmdb51.get_config(tokens)
    config.init, config.batch_size = task.weights, task.batch
    config.model.dtype = task.dtype
    config.model.remat = task.remat
    config.model.drop_path_rate = (
        0.0  # which is drawn from generators of two kinds: losses could not be compared
    )
    return parse(config)


class _Training:
    """Steps, each from the state that the one before it left."""

    def __init__(self, step: Callable, state: Any, batch: Batch):
        self.step, self.state, self.batch = step, state, batch

    def __call__(self) -> float:
        self.state, metrics = self.step(self.state, self.batch)
        jax.block_until_ready(self.state)
        return float(metrics["loss/total"])
