"""One training step and one evaluation step, compiled once over the mesh."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key

from albar_jax.methods.base import Method
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.global_batch import global_sum
from albar_jax.parallel.mesh import Layout, on_each_device, replicated, split_batch, state_sharding
from albar_jax.types import BATCH_STATS, Apply, Batch, LossFn, Metrics, Outputs, Params, TrainState


class BatchPredictions(NamedTuple):
    """Class probabilities, float32, with the manifest row and validity of each clip."""

    probs: Float[Array, "b k"]
    index: Int[Array, " b"]
    valid: Float[Array, " b"]


TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
EvalStep = Callable[[Params, Batch], BatchPredictions]


def init_state(weights: Params, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first step; `weights` are parted into what is learned and what is counted along."""
    params = {name: value for name, value in weights.items() if name != BATCH_STATS}
    model_state = {name: value for name, value in weights.items() if name == BATCH_STATS}
    return TrainState(jnp.zeros((), jnp.int32), params, optimizer.init(params), model_state)


def make_train_step(
    apply: Apply,
    method: Method,
    optimizer: optax.GradientTransformation,
    seed: int,
    mesh: Mesh,
    parts: int = 1,
    layout: Layout = "data",
) -> TrainStep:
    """The jitted step: uint8 batch, split over the mesh, in; new state and scalar metrics out. The state is donated.

    All randomness comes from (seed, state.step), so a resumed run repeats the same numbers. With several `parts` the
    gradient is accumulated: the batch is mixed as a whole, and the loss sees one part of it after the other. The state
    comes and goes in its `layout`; the parameters are gathered for the step, and each device updates its own part.
    Batches are mixed over all devices. Then each differentiates its own clips' summand of the loss, of which one sum
    over devices makes gradient and metrics: XLA left to itself sums each use of a parameter by itself.
    """

    def placed(tree: Any, layout: Layout) -> Any:
        return jax.lax.with_sharding_constraint(tree, state_sharding(tree, mesh, layout))

    def summand(
        state: TrainState, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Params, Metrics, Params]:
        gradients_of = functools.partial(_gradients, apply, method.loss, state)
        split = gradients_of if parts == 1 else functools.partial(_accumulated, gradients_of, parts)
        gradients, metrics, model_state = split(batch, key)
        return *global_sum((gradients, metrics)), model_state

    summed_gradients = on_each_device(summand, mesh)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        k_mix, k_loss = jax.random.split(jax.random.fold_in(jax.random.key(seed), state.step))
        batch = dataclasses.replace(_prepare(batch), clean=batch if method.keeps_clean else None)
        for number, transform in enumerate(method.transforms):
            batch = transform(batch, jax.random.fold_in(k_mix, number))
        gradients, metrics, model_state = summed_gradients(placed(state, "data"), batch, k_loss)
        gradients = placed(gradients, layout)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics["optim/gradient_norm"] = optax.tree.norm(gradients)
        # Of the new parameters: an update can overflow although the loss before it was finite.
        metrics["optim/parameter_norm"] = optax.tree.norm(params)
        return placed(TrainState(state.step + 1, params, opt_state, model_state), layout), metrics

    # The state comes in the layout that it has.
    return jax.jit(
        step,
        donate_argnums=0,
        in_shardings=(None, split_batch(mesh)),
        out_shardings=(None, replicated(mesh)),
    )


def _gradients(
    apply: Apply, loss_fn: LossFn, state: TrainState, batch: Batch, key: Key[Array, ""]
) -> tuple[Params, Metrics, Params]:
    """Gradient of the loss of a device's clips, its metrics, and the running statistics after them."""

    def loss(params: Params) -> tuple[Array, tuple[Metrics, Params]]:
        running: list[Params] = []

        def predict(video: Float[Array, "b t h w 3"], key: Key[Array, ""] | None) -> Outputs:
            outputs = apply(params | state.model_state, video, key)
            running.append(outputs.batch_stats)
            return outputs

        value, metrics = loss_fn(predict, batch, key)
        # Every loss looks at the moving clips first: these alone are what the running statistics are of.
        return value, (metrics, running[0])

    gradients, (metrics, model_state) = jax.grad(loss, has_aux=True)(state.params)
    return gradients, metrics, model_state


def _accumulated(
    gradients_of: Callable[[Batch, Key[Array, ""]], tuple[Params, Metrics, Params]],
    parts: int,
    batch: Batch,
    key: Key[Array, ""],
) -> tuple[Params, Metrics, Params]:
    """The same of a batch of which only a part is in memory at a time.

    Terms are means over valid clips, so each part counts by how many it has; so does `sdn`'s confusion term, which
    counts fewer. Running statistics are those of the last part.
    """
    # Clip i is in part i % parts, so that every device keeps its own clips.
    split = jax.tree.map(
        lambda array: array.reshape(-1, parts, *array.shape[1:]).swapaxes(0, 1), batch
    )
    num_valid = jnp.maximum(global_sum(jnp.sum(batch.valid)), 1.0)

    def add(
        total: tuple[Params, Metrics], numbered: tuple[Array, Batch]
    ) -> tuple[tuple[Params, Metrics], Params]:
        number, part = numbered
        *sums, model_state = gradients_of(part, jax.random.fold_in(key, number))
        share = global_sum(jnp.sum(part.valid)) / num_valid
        return jax.tree.map(
            lambda a, b: a + share.astype(b.dtype) * b, total, tuple(sums)
        ), model_state

    numbered = jnp.arange(parts), split
    shapes = jax.eval_shape(gradients_of, jax.tree.map(lambda array: array[0], split), key)
    zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes[:2])
    (gradients, metrics), model_states = jax.lax.scan(add, zeros, numbered)
    return gradients, metrics, jax.tree.map(lambda array: array[-1], model_states)


def make_eval_step(apply: Apply, mesh: Mesh) -> EvalStep:
    """The jitted evaluation step: the answers of a model to a uint8 batch, whole on every device."""

    def step(params: Params, batch: Batch) -> BatchPredictions:
        gathered = jax.lax.with_sharding_constraint(params, replicated(mesh))
        return BatchPredictions(
            jax.nn.softmax(apply(gathered, _prepare(batch).video, None).logits),
            batch.index,
            batch.valid,
        )

    # The parameters come in the layout that they have; the answers whole, so that every process can read all of them.
    return jax.jit(step, in_shardings=(None, split_batch(mesh)), out_shardings=replicated(mesh))


def _prepare(batch: Batch) -> Batch:
    """The same batch with its pixels normalised on the device: uint8 is a quarter of the bytes to copy."""
    still = None if batch.still is None else normalise(batch.still)
    return dataclasses.replace(batch, video=normalise(batch.video), still=still)
