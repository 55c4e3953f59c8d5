"""Traces, counts, compiles and times the training step of a config on noise."""

import dataclasses
import time
from typing import Any

import jax
import numpy as np
from jax.interpreters import partial_eval

from albar_jax.config import Config, parse
from albar_jax.parallel.mesh import data_mesh, replicated, split_batch
from albar_jax.profiling.flops import flops
from albar_jax.types import TrainState
from albar_jax.wiring.abstract_step import AbstractStep
from benchmarks.gpu.settings import METHODS, NUM_CLASSES, Settings
from benchmarks.small import noise
from configs import hmdb51


def config_of(settings: Settings, method: str, **changes: Any) -> Config:
    """Returns the config of `train.py` in this run, with changes."""
    config = hmdb51.get_config(METHODS[method][0])
    config.update_from_flattened_dict(settings.changes(method) | changes)
    return parse(config)


class Step:
    """A training step for the first device: `trace`, then `compile`, then `seconds`."""

    def __init__(self, config: Config):
        self.config = config
        self._mesh = data_mesh(jax.devices()[:1])
        self._step = AbstractStep(config, NUM_CLASSES, self._mesh)

    def trace(self) -> jax.stages.Traced:
        """Traces the step."""
        return self._step.trace()

    def seconds(self, compiled: jax.stages.Compiled, rounds: int) -> float:
        """Runs a few steps on noise. Returns the median seconds per step."""
        state = jax.device_put(_random_state(self._step.state), replicated(self._mesh))
        batch = jax.device_put(noise(self._step.batch), split_batch(self._mesh))
        seconds = []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            state, metrics = compiled(state, batch)
            jax.block_until_ready(metrics)
            seconds.append(time.perf_counter() - began)

        # The first step also transfers arrays.
        return float(np.median(seconds[1:]))


def _random_state(shapes: TrainState) -> TrainState:
    """Draws parameters with numpy, which needs no compilation. All other state is zero."""
    rng = np.random.default_rng(0)
    state = jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), shapes)
    params = jax.tree.map(
        lambda array: rng.normal(0, 0.02, array.shape).astype(array.dtype), state.params
    )
    return dataclasses.replace(state, params=params)


@dataclasses.dataclass(frozen=True)
class _Traced:
    """A stand-in for a traced step in `flops`."""

    jaxpr: Any


class _Uncounted:
    """A stand-in for a compiled step without XLA's FLOP count."""

    def cost_analysis(self) -> None:
        return None


def model_flops(config: Config) -> float:
    """Returns the FLOPs of a step's matrix products without rematerialisation.

    Unused products are excluded: ALBAR traces some, and compilers remove them.
    """
    jaxpr = Step(config).trace().jaxpr.jaxpr
    needed, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return flops(_Traced(needed), _Uncounted())
