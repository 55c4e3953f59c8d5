"""ALBAR's terms on the static clip, Eq. 2 to 4, from one forward pass."""

import dataclasses
import functools
import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from albar_jax.methods.input_gradient import (
    Memory,
    Norm,
    clip_norm,
    column_norm,
    length_free,
    logits_and_input_gradient_norm,
)
from albar_jax.methods.losses import (
    below_chance,
    cross_entropy,
    negative_entropy,
    unlikelihood,
    valid_mean,
)
from albar_jax.methods.penalty_directions import Logits, PenaltyOf, direction_of
from albar_jax.methods.static_draws import draw_subset, in_order, with_noise
from albar_jax.types import Batch, Predict

NORMS = {"clip": clip_norm, "column": column_norm}
Adversarial = Literal["cross_entropy", "one_minus_p", "below_chance"]
# Numbers of the draws, folded into their common key.
_DIRECTION, _NOISE, _SUBSET = range(3)


class StaticTerms(NamedTuple):
    """The terms on the static clip, means over the valid clips.

    Attributes:
      adversarial: Eq. 2, at least -cap; 0 or more in its bounded form.
      entropy: Eq. 3, -log k to 0 for k classes.
      penalty: Eq. 4, 0 or more.
    """

    adversarial: Float[Array, ""]
    entropy: Float[Array, ""]
    penalty: Float[Array, ""]


@dataclasses.dataclass(frozen=True)
class TermOptions:
    """Options of the terms on the static clip; see `albar.make`.

    Attributes:
      norm: norm of Eq. 4; without one, Eq. 4 is 0 and costs nothing.
      cap: upper limit of each clip's cross-entropy in Eq. 2, in nats.
      memory: schedule of the penalty's passes.
      penalty_of: direction in the space of the logits whose gradient Eq. 4 measures.
      length_free: whether Eq. 4 is independent of the length of the static clip.
      noise: standard deviation of the noise on the still.
      penalty_share: share of the clips that Eq. 4 is computed on.
      adversarial: form of Eq. 2.
      margin: distance from chance of the form "below_chance", in nats.
      folded: whether a static clip that is shorter than the moving clips stands for a still as
        long as these.
    """

    norm: Norm | None
    cap: float = math.inf
    memory: Memory = "linearize"
    penalty_of: PenaltyOf = "sum"
    length_free: bool = False
    noise: float = 0.0
    penalty_share: float = 1.0
    adversarial: Adversarial = "cross_entropy"
    margin: float = 3.0
    folded: bool = False


def static_terms(
    predict: Predict,
    static: Batch,
    key: Key[Array, ""] | None,
    options: TermOptions,
    num_frames: int,
    draw_key: Key[Array, ""],
) -> StaticTerms:
    """Returns Eq. 2, 3 and 4 from one forward pass of the static clips.

    Args:
      predict: network with its weights closed over.
      static: batch whose `video` holds the static clips.
      key: random key of dropout and stochastic depth.
      options: how the terms are computed.
      num_frames: number of frames of the moving clips.
      draw_key: random key of all draws that the terms make themselves.
    """
    # A static clip of all frames has the whole bias; folded, its attention would cost more.
    if options.folded and static.video.shape[1] < num_frames:
        predict = functools.partial(predict, stands_for=num_frames)
    k_noise = jax.random.fold_in(draw_key, _NOISE)
    static = dataclasses.replace(static, video=with_noise(static.video, options.noise, k_noise))

    if options.norm is None:
        logits = predict(static.video, key).logits
        penalty = jnp.zeros(static.video.shape[0])
    else:
        norm = length_free(options.norm, num_frames) if options.length_free else options.norm
        static, logits, penalty = _penalized(predict, static, key, options, norm, draw_key)

    return StaticTerms(
        valid_mean(_adversarial(logits, static.target, options), static.valid),
        valid_mean(negative_entropy(logits), static.valid),
        valid_mean(penalty, static.valid),
    )


def _penalized(
    predict: Predict,
    static: Batch,
    key: Key[Array, ""] | None,
    options: TermOptions,
    norm: Norm,
    draw_key: Key[Array, ""],
) -> tuple[Batch, Logits, Float[Array, " b"]]:
    """Computes the logits of all static clips, and the penalty of a share of them.

    Returns:
      The static clips, with those that have a penalty first. Their logits. Their penalties, 0 for
      clips without one, and weighted so that the mean over all clips is unbiased.
    """
    num_clips = static.video.shape[0]
    k_subset = jax.random.fold_in(draw_key, _SUBSET)
    subset = draw_subset(num_clips, options.penalty_share, k_subset)
    # The whole batch keeps its order, so that a share of 1 compiles to the same program.
    if subset.size < num_clips:
        static = in_order(static, subset)

    k_direction = jax.random.fold_in(draw_key, _DIRECTION)
    direction = direction_of(options.penalty_of, static.target[: subset.size], k_direction)
    logits, penalty = logits_and_input_gradient_norm(
        predict, static.video[: subset.size], key, norm, options.memory, direction
    )
    if subset.size == num_clips:
        return static, logits, penalty

    k_rest = None if key is None else jax.random.fold_in(key, 1)
    rest = predict(static.video[subset.size :], k_rest).logits
    penalties = jnp.pad(subset.weight * penalty, (0, num_clips - subset.size))
    return static, jnp.concatenate([logits, rest]), penalties


def _adversarial(
    logits: Logits, target: Float[Array, "b k"], options: TermOptions
) -> Float[Array, " b"]:
    loss = cross_entropy(logits, target)
    if options.adversarial == "cross_entropy":
        return -jnp.minimum(loss, options.cap)

    # A capped clip has no gradient, in each form.
    if options.adversarial == "below_chance":
        value = below_chance(logits, target, options.margin)
    else:
        value = unlikelihood(logits, target)
    return jnp.where(loss < options.cap, value, jax.lax.stop_gradient(value))
