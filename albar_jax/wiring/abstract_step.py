"""Builds the training step of a config without arrays, to trace and compile it."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.methods.base import AuxNeed
from albar_jax.parallel.mesh import state_sharding
from albar_jax.train.step import init_state, make_train_step
from albar_jax.types import Batch

# Any number: it only sets the length of the schedule, which does not change the program.
NUM_VIDEOS = 1000


class AbstractStep:
    """The training step of a config with the shapes of its arguments.

    Args:
      config: config of the experiment.
      num_classes: number of classes of the classifier.
      mesh: the devices, which this machine may lack.

    Attributes:
      state: shapes and shardings of the training state.
      batch: shapes of a global batch.
    """

    def __init__(self, config: Config, num_classes: int, mesh: Mesh):
        method = wiring.method(config)
        rate = wiring.learning_rate(config, wiring.run_length(config, NUM_VIDEOS))
        optimizer = wiring.optimizer(config, rate)
        apply, shapes = wiring.model_shapes(config, num_classes, mesh)

        state = jax.eval_shape(lambda weights: init_state(weights, optimizer), shapes)
        placing = state_sharding(state, mesh, config.parallel)
        self.state = jax.tree.map(lambda array, place: array.update(sharding=place), state, placing)
        self.batch = batch_shapes(config, num_classes, method.needs)
        self._step = make_train_step(
            apply,
            method,
            optimizer,
            config.seed,
            mesh,
            config.train.grad_accum_steps,
            config.parallel,
        )

    def trace(self) -> jax.stages.Traced:
        """Traces the step."""
        return self._step.trace(self.state, self.batch)


def batch_shapes(config: Config, num_classes: int, needs: Mapping[str, AuxNeed]) -> Batch:
    """Returns the shapes of one global batch, with the auxiliary inputs that methods need."""
    n, t, size = config.batch_size, config.data.num_frames, config.data.size
    array = jax.ShapeDtypeStruct
    # `Batch` is declared for arrays, but JAX traces a step with shapes in their place.
    fields: dict[str, Any] = {
        "video": array((n, t, size, size, 3), jnp.uint8),
        "target": array((n, num_classes), jnp.float32),
        "valid": array((n,), jnp.float32),
        "index": array((n,), jnp.int32),
    }
    for name, need in needs.items():
        aux_shapes = {
            "person_mask": array((n, t, size, size), jnp.bool),
            "still": array((n, size, size, 3), jnp.uint8),
            "scene": array((n, need.width or 1), jnp.float32),
        }
        fields[name] = aux_shapes[name]

    return Batch(**fields)
