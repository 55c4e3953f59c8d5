"""One training step and one evaluation step, compiled once over the mesh."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, UInt8

from albar_jax.mesh import replicated, split_batch
from albar_jax.methods.base import Method
from albar_jax.types import Apply, Batch, Metrics, Params, TrainState

# Of ImageNet, on RGB in 0..1, as in every Kinetics recipe since. (ALBAR App. B)
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Answers(NamedTuple):
    """Class probabilities, float32, with the manifest row and validity of each clip."""

    probs: Float[Array, "b k"]
    index: Int[Array, " b"]
    valid: Float[Array, " b"]


TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
EvalStep = Callable[[Params, Batch], Answers]


def normalise(video: UInt8[Array, "*b 3"]) -> Float[Array, "*b 3"]:
    """Pixels 0..255 to float32 with the mean and standard deviation of the pretrained models."""
    return (video.astype(jnp.float32) / 255 - jnp.array(MEAN)) / jnp.array(STD)


def init_state(params: Params, optimizer: optax.GradientTransformation) -> TrainState:
    """The state before the first step."""
    return TrainState(step=jnp.zeros((), jnp.int32), params=params, opt_state=optimizer.init(params))


def make_train_step(
    apply: Apply, method: Method, optimizer: optax.GradientTransformation, seed: int, mesh: Mesh
) -> TrainStep:
    """The jitted step: uint8 batch, split over the mesh, in; new state and scalar metrics out. The state is donated.

    All randomness comes from (seed, state.step), so a resumed run repeats the same numbers.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        k_mix, k_loss = jax.random.split(jax.random.fold_in(jax.random.key(seed), state.step))
        batch = _prepare(batch)
        for number, transform in enumerate(method.transforms):
            batch = transform(batch, jax.random.fold_in(k_mix, number))

        def loss(params: Params) -> tuple[Array, Metrics]:
            return method.loss(lambda video, key: apply(params, video, key), batch, k_loss)

        gradients, metrics = jax.grad(loss, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics["optim/gradient_norm"] = optax.tree.norm(gradients)
        # Of the new parameters: an update can overflow although the loss before it was finite.
        metrics["optim/parameter_norm"] = optax.tree.norm(params)
        return TrainState(step=state.step + 1, params=params, opt_state=opt_state), metrics

    whole, split = replicated(mesh), split_batch(mesh)
    return jax.jit(step, donate_argnums=0, in_shardings=(whole, split), out_shardings=(whole, whole))


def make_eval_step(apply: Apply, mesh: Mesh) -> EvalStep:
    """The jitted evaluation step: the answers of a model to a uint8 batch, whole on every device."""

    def step(params: Params, batch: Batch) -> Answers:
        return Answers(jax.nn.softmax(apply(params, _prepare(batch).video, None).logits), batch.index, batch.valid)

    whole, split = replicated(mesh), split_batch(mesh)
    # Gathered, so that every process can read all of it.
    return jax.jit(step, in_shardings=(whole, split), out_shardings=whole)


def _prepare(batch: Batch) -> Batch:
    """The same batch with its pixels normalised on the device: uint8 is a quarter of the bytes to copy."""
    still = None if batch.still is None else normalise(batch.still)
    return dataclasses.replace(batch, video=normalise(batch.video), still=still)
