"""Makes our steps as `train.py` and `evaluate.py` do, for `benchmarks.step`."""

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
from benchmarks.task import NUM_CLASSES, RATE, LoadedStep, Task, clips
from configs import hmdb51


def make(program: str, task: Task) -> LoadedStep:
    """Makes the step of a program, one of PROGRAMS."""
    if task.dtype == "float32":
        # By default, a GPU multiplies in TensorFloat-32.
        jax.config.update("jax_default_matmul_precision", "highest")

    config = _config("albar" if program == "albar" else "ce", task)
    mesh = data_mesh()
    video, labels = clips(task)
    arrays = {
        "video": video,
        "label": labels,
        "valid": np.ones(task.batch, np.float32),
        "index": np.arange(task.batch, dtype=np.int32),
    }
    # Arrays reach the device in the same way as in training.
    batch = to_batch(arrays, NUM_CLASSES, mesh)

    if program == "forward":
        run, num_flops = _inference(config, mesh, batch, labels)
    else:
        run, num_flops = _training(config, mesh, batch)
    host_memory.forget_traces()
    return LoadedStep(run, _gpu_memory, num_flops)


def _config(tokens: str, task: Task) -> Config:
    config = hmdb51.get_config(tokens)
    config.init = task.weights
    config.batch_size = task.batch
    config.model.dtype = task.dtype
    config.model.remat = task.remat
    # The two frameworks have different random generators, so losses with stochastic depth would
    # differ.
    config.model.drop_path_rate = 0.0
    return parse(config)


def _inference(
    config: Config, mesh: jax.sharding.Mesh, batch: Batch, labels: np.ndarray
) -> tuple[Callable[[], float], float]:
    """Returns a function that runs inference and returns the loss, and its FLOPs."""
    apply, _ = wiring.model_shapes(config, NUM_CLASSES, mesh)
    _, params = load(config.init, wiring.model_config(config, NUM_CLASSES))
    params = jax.device_put(params, replicated(mesh))
    # Compiled ahead of time, so that the first step is not slower.
    traced = make_eval_step(apply, mesh).trace(params, batch)
    step = traced.lower().compile()

    def run() -> float:
        probs = np.asarray(step(params, batch).probs)
        return -float(np.mean(np.log(probs[np.arange(len(labels)), labels])))

    return run, flops(traced, step)


def _training(
    config: Config, mesh: jax.sharding.Mesh, batch: Batch
) -> tuple[Callable[[], float], float]:
    """Returns a function that runs a training step and returns the loss, and its FLOPs."""
    apply, params = wiring.model(config, NUM_CLASSES)
    params = initial_params(config.init, wiring.model_config(config, NUM_CLASSES), params)
    optimizer = wiring.optimizer(config, lambda count: RATE)
    state = jax.device_put(init_state(params, optimizer), replicated(mesh))

    train_step = make_train_step(apply, wiring.method(config), optimizer, config.seed, mesh)
    traced = train_step.trace(state, batch)
    step = traced.lower().compile()
    return _Training(step, state, batch), flops(traced, step)


class _Training:
    """Runs training steps, each from the state after the previous step."""

    def __init__(self, step: Callable, state: Any, batch: Batch):
        self._step = step
        self._state = state
        self._batch = batch

    def __call__(self) -> float:
        self._state, metrics = self._step(self._state, self._batch)
        jax.block_until_ready(self._state)
        return float(metrics["loss/total"])


def _gpu_memory() -> int | None:
    # A CPU has no statistics.
    return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
