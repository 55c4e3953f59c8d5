"""ALBAR's terms on the static clip, Eq. 2 to 4, from one forward pass."""

import dataclasses
import math
from typing import NamedTuple

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
from albar_jax.methods.losses import cross_entropy, negative_entropy, valid_mean
from albar_jax.methods.penalty_directions import PenaltyOf, direction_of
from albar_jax.types import Batch, Predict

NORMS = {"clip": clip_norm, "column": column_norm}


class StaticTerms(NamedTuple):
    """The terms on the static clip, means over the valid clips.

    Attributes:
      adversarial: Eq. 2, at least -cap.
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
    """

    norm: Norm | None
    cap: float = math.inf
    memory: Memory = "linearize"
    penalty_of: PenaltyOf = "sum"
    length_free: bool = False


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
    if options.norm is None:
        logits = predict(static.video, key).logits
        penalty = jnp.zeros(static.video.shape[0])
    else:
        norm = length_free(options.norm, num_frames) if options.length_free else options.norm
        k_direction = jax.random.fold_in(draw_key, 0)
        direction = direction_of(options.penalty_of, static.target, k_direction)
        logits, penalty = logits_and_input_gradient_norm(
            predict, static.video, key, norm, options.memory, direction
        )

    adversarial = -jnp.minimum(cross_entropy(logits, static.target), options.cap)
    entropy = negative_entropy(logits)
    return StaticTerms(
        valid_mean(adversarial, static.valid),
        valid_mean(entropy, static.valid),
        valid_mean(penalty, static.valid),
    )
