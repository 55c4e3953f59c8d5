"""Builds the jitted step that measures what the gradient penalty acts on, without training."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from albar_jax.methods.input_gradient import clip_norm
from albar_jax.methods.penalty_directions import (
    Logits,
    centred_directions,
    head_sum,
    label_error,
    sum_of_logits,
)
from albar_jax.methods.pixels import normalise
from albar_jax.parallel.mesh import replicated, split_batch
from albar_jax.types import Apply, Batch, Params

# Random directions for each clip.
NUM_PROBES = 3


class PenaltySums(NamedTuple):
    """Sums over the valid clips of a batch, and a property of the weights.

    J is the Jacobian of a clip's k logits with respect to its pixels, in evaluation mode. All
    entries are float32 scalars.

    Attributes:
      num_clips: number of valid clips.
      of_sum: || J^T 1 ||, ALBAR's Eq. 4.
      of_label: || J^T (y - p) ||, the norm of the gradient of the cross-entropy.
      centred_squared: estimates of || Pi J ||^2, by random directions; Pi subtracts the mean of the
        logits.
      head_sum: see `penalty_directions.head_sum`; not a sum over clips.
    """

    num_clips: Float[Array, ""]
    of_sum: Float[Array, ""]
    of_label: Float[Array, ""]
    centred_squared: Float[Array, ""]
    head_sum: Float[Array, ""]


PenaltyStep = Callable[[Params, Batch], PenaltySums]


def make_penalty_step(apply: Apply, mesh: Mesh) -> PenaltyStep:
    """Returns the jitted step.

    The directions of a clip depend only on its `index`, so that the values of two validations
    differ only by the weights.

    Args:
      apply: network, called with (weights, video, key).
      mesh: devices over which batches are split.

    Returns:
      A function of (weights, uint8 batch split over the mesh) that returns the sums, replicated on
      every device.
    """

    def step(params: Params, batch: Batch) -> PenaltySums:
        gathered = jax.lax.with_sharding_constraint(params, replicated(mesh))

        def logits_of(video: Float[Array, "b t h w 3"]) -> Logits:
            return apply(gathered, video, None).logits

        logits, pullback = jax.vjp(logits_of, normalise(batch.video))
        fixed = jnp.stack([sum_of_logits(logits), label_error(batch.target)(logits)])
        directions = jnp.concatenate([fixed, _probes(batch.index, logits.shape[-1])])

        # A loop, so that the backward pass is compiled once and only one is in memory.
        norms = jax.lax.map(lambda direction: clip_norm(pullback(direction)[0]), directions)
        sums = jnp.sum(jnp.where(batch.valid > 0, norms, 0.0), axis=1)
        squares = jnp.sum(jnp.where(batch.valid > 0, jnp.square(norms[2:]), 0.0), axis=1)

        # The expected square along a probe is k / (k - 1) times the square of the centred Jacobian.
        num_classes = logits.shape[-1]
        centred_squared = jnp.mean(squares) * (num_classes - 1) / num_classes
        num_clips = jnp.sum(batch.valid)
        kernel = gathered["head"]["kernel"]

        return PenaltySums(num_clips, sums[0], sums[1], centred_squared, head_sum(kernel))

    # None keeps the sharding that the weights already have.
    return jax.jit(step, in_shardings=(None, split_batch(mesh)), out_shardings=replicated(mesh))


def _probes(index: Int[Array, " b"], num_classes: int) -> Float[Array, "n b k"]:
    """Draws the random directions of each clip from its row in the data set."""

    def draw(row: Int[Array, ""]) -> Float[Array, "n k"]:
        key = jax.random.fold_in(jax.random.key(0), row)
        return jax.random.normal(key, (NUM_PROBES, num_classes))

    return jnp.swapaxes(centred_directions(jax.vmap(draw)(index)), 0, 1)
