"""Builds the jitted training step and the jitted evaluation step over the device mesh."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key

from albar_jax.methods.base import Method
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.global_batch import global_sum
from albar_jax.parallel.mesh import (
    StateLayout,
    on_each_device,
    replicated,
    split_batch,
    state_sharding,
)
from albar_jax.types import BATCH_STATS, Apply, Batch, LossFn, Metrics, Outputs, Params, TrainState


class BatchPredictions(NamedTuple):
    """Predictions for one batch of clips.

    Attributes:
      probs: class probabilities, float32 (b, k), each row sums to 1.
      index: manifest row of each clip, int (b,).
      valid: 1 for readable clips, 0 for padding and unreadable videos, float32 (b,).
    """

    probs: Float[Array, "b k"]
    index: Int[Array, " b"]
    valid: Float[Array, " b"]


TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
EvalStep = Callable[[Params, Batch], BatchPredictions]

# Gradients, metrics and batch statistics of a batch or a microbatch.
_Results = tuple[Params, Metrics, Params]
_Gradients = Callable[[Batch, Key[Array, ""]], _Results]


def init_state(weights: Params, optimizer: optax.GradientTransformation) -> TrainState:
    """Returns the training state before the first step.

    Splits `weights` into trainable parameters and batch statistics.

    Args:
      weights: nested dict of arrays, with the batch statistics under `BATCH_STATS`.
      optimizer: initialized with the trainable parameters.
    """
    params = {name: value for name, value in weights.items() if name != BATCH_STATS}
    model_state = {name: value for name, value in weights.items() if name == BATCH_STATS}

    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params), model_state)


def make_train_step(
    apply: Apply,
    method: Method,
    optimizer: optax.GradientTransformation,
    seed: int,
    mesh: Mesh,
    grad_accum_steps: int = 1,
    layout: StateLayout = "data",
) -> TrainStep:
    """Returns the jitted training step, which donates its state.

    All randomness comes from (seed, state.step), so a resumed run repeats the same numbers. The
    method's transforms mix the global batch. Each device then differentiates the loss of its local
    clips, and a single `psum` produces gradients and metrics. Without the explicit `psum`, XLA
    would sum the gradient of each use of a parameter separately.

    Args:
      apply: network, called with (weights, video, key).
      method: transforms and loss.
      optimizer: updates the parameters.
      seed: seed of all random numbers.
      mesh: devices over which batches are split.
      grad_accum_steps: number of microbatches of the loss; their gradients are accumulated. Must
        divide the number of clips on each device.
      layout: sharding of the state between steps. Under "fsdp" the parameters are all-gathered for
        the step, and each device updates only its own shard.

    Returns:
      A function of (state, uint8 batch split over the mesh) that returns the new state and scalar
      metrics.
    """

    def constrain(tree: Any, layout: StateLayout) -> Any:
        return jax.lax.with_sharding_constraint(tree, state_sharding(tree, mesh, layout))

    def local_gradients(state: TrainState, batch: Batch, key: Key[Array, ""]) -> _Results:
        # `combine` gives every method a loss.
        compute = functools.partial(_gradients, apply, cast(LossFn, method.loss), state)
        if grad_accum_steps > 1:
            compute = functools.partial(_accumulate, compute, grad_accum_steps)
        gradients, metrics, model_state = compute(batch, key)

        return *global_sum((gradients, metrics)), model_state

    global_gradients = on_each_device(local_gradients, mesh)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        k_mix, k_loss = jax.random.split(jax.random.fold_in(jax.random.key(seed), state.step))
        clean = batch if method.keeps_clean else None
        batch = dataclasses.replace(_prepare(batch), clean=clean)
        # Transforms mix the global batch. Each has its own key.
        for number, transform in enumerate(method.transforms):
            batch = transform(batch, jax.random.fold_in(k_mix, number))

        # Gather the parameters, then differentiate the local clips of each device.
        gradients, metrics, model_state = global_gradients(constrain(state, "data"), batch, k_loss)

        # From here on, each device works on its own shard of the state.
        gradients = constrain(gradients, layout)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)

        metrics["optim/gradient_norm"] = optax.tree.norm(gradients)
        # The norm of the new parameters, because an update can overflow after a finite loss.
        metrics["optim/parameter_norm"] = optax.tree.norm(params)
        new_state = TrainState(state.step + 1, params, opt_state, model_state)

        return constrain(new_state, layout), metrics

    # None keeps the sharding that the state already has.
    return jax.jit(
        step,
        donate_argnums=0,
        in_shardings=(None, split_batch(mesh)),
        out_shardings=(None, replicated(mesh)),
    )


def _gradients(
    apply: Apply, loss_fn: LossFn, state: TrainState, batch: Batch, key: Key[Array, ""]
) -> _Results:
    """Returns gradients, metrics and new batch statistics of the local clips of one device."""

    def loss(params: Params) -> tuple[Array, tuple[Metrics, Params]]:
        statistics: list[Params] = []

        def predict(
            video: Float[Array, "b t h w 3"],
            key: Key[Array, ""] | None,
            **options: int | None,
        ) -> Outputs:
            outputs = apply(params | state.model_state, video, key, **options)
            statistics.append(outputs.batch_stats)

            return outputs

        value, metrics = loss_fn(predict, batch, key)

        # Every loss predicts the moving clips first. Only these update the batch statistics.
        return value, (metrics, statistics[0])

    gradients, (metrics, model_state) = jax.grad(loss, has_aux=True)(state.params)

    return gradients, metrics, model_state


def _accumulate(
    compute: _Gradients, grad_accum_steps: int, batch: Batch, key: Key[Array, ""]
) -> _Results:
    """Computes `_gradients` of a batch by gradient accumulation over microbatches.

    Loss terms are means over valid clips, so each microbatch is weighted by its number of valid
    clips. `sdn`'s confusion term averages over fewer clips but gets the same weights.

    Args:
      compute: returns the gradients of one microbatch.
      grad_accum_steps: number of microbatches; must divide the number of local clips.
      batch: local clips of one device.
      key: random key; each microbatch gets its own.

    Returns:
      Gradients, metrics, and the batch statistics after the last microbatch.
    """

    def to_microbatches(array: Array) -> Array:
        # Clip i is in microbatch i % grad_accum_steps, so that each device keeps its own clips.
        return array.reshape(-1, grad_accum_steps, *array.shape[1:]).swapaxes(0, 1)

    microbatches = jax.tree.map(to_microbatches, batch)
    num_valid = jnp.maximum(global_sum(jnp.sum(batch.valid)), 1.0)

    def add(
        sums: tuple[Params, Metrics], numbered: tuple[Array, Batch]
    ) -> tuple[tuple[Params, Metrics], Params]:
        number, microbatch = numbered
        *terms, model_state = compute(microbatch, jax.random.fold_in(key, number))
        # The weights of all microbatches sum to 1.
        weight = global_sum(jnp.sum(microbatch.valid)) / num_valid
        sums = jax.tree.map(lambda a, b: a + weight.astype(b.dtype) * b, sums, tuple(terms))

        return sums, model_state

    # The sums start at zero. Only shapes are needed for this, so nothing is computed.
    first = jax.tree.map(lambda array: array[0], microbatches)
    shapes = jax.eval_shape(compute, first, key)
    zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes[:2])

    numbered = jnp.arange(grad_accum_steps), microbatches
    (gradients, metrics), model_states = jax.lax.scan(add, zeros, numbered)

    return gradients, metrics, jax.tree.map(lambda array: array[-1], model_states)


def make_eval_step(apply: Apply, mesh: Mesh) -> EvalStep:
    """Returns the jitted evaluation step.

    Args:
      apply: network, called with (weights, video, key).
      mesh: devices over which batches are split.

    Returns:
      A function of (weights, uint8 batch split over the mesh) that returns the predictions,
      replicated on every device.
    """

    def step(params: Params, batch: Batch) -> BatchPredictions:
        gathered = jax.lax.with_sharding_constraint(params, replicated(mesh))
        outputs = apply(gathered, _prepare(batch).video, None)

        return BatchPredictions(jax.nn.softmax(outputs.logits), batch.index, batch.valid)

    # None keeps the sharding that the weights already have. The predictions are replicated, so that
    # every process can read all of them.
    return jax.jit(step, in_shardings=(None, split_batch(mesh)), out_shardings=replicated(mesh))


def _prepare(batch: Batch) -> Batch:
    """Normalizes the pixels on the device, because uint8 is a quarter of the bytes to copy."""
    still = None if batch.still is None else normalise(batch.still)

    return dataclasses.replace(batch, video=normalise(batch.video), still=still)
