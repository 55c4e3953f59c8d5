"""The directions in the space of the logits along which the gradient penalty measures them.

The penalty is || J^T v || for the Jacobian J of a clip's k logits with respect to its pixels, and a
direction v. Let Pi = I - 11^T / k, which subtracts the mean of the logits.

    sum      v = (1, ..., 1), ALBAR's Eq. 4 and released code
    random   v ~ N(0, Pi), scaled to length sqrt(k), drawn for each clip and step
    label    v = y - p, for the label y and the probabilities p

Softmax does not see a constant that is added to all logits, so cross-entropy, adversarial and
entropy term depend on the logits only through Pi. `sum` is the one direction that Pi removes: a
network can switch its penalty off without a change of any probability, by a head whose kernel sums
to 0 over the classes. No such constant changes `random` and `label`, whose directions sum to 0.
"""

import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from albar_jax.parallel.global_batch import draw_for_clips

Logits = Float[Array, "b k"]
# Maps the logits of clips to a direction for each clip. The penalty does not differentiate it.
Direction = Callable[[Logits], Logits]
PenaltyOf = Literal["sum", "random", "label"]


def sum_of_logits(logits: Logits) -> Logits:
    """Returns all ones, whose penalty is the gradient of the sum of the logits. (ALBAR Eq. 4)"""
    return jnp.ones_like(logits)


def random_centred(key: Key[Array, ""]) -> Direction:
    """Returns directions that are uniform on the sphere of radius sqrt(k), with sum 0.

    Their expected squared penalty is k / (k - 1) ||Pi J||^2, with the Frobenius norm. This is the
    estimator of Hoffman, Roberts and Yaida (arXiv 1908.02729) without the direction that softmax
    does not see. The length is the same as the length of `sum`, so both have the same weight.

    Args:
      key: random key. The directions are drawn for the global batch, so they do not depend on the
        device count.
    """

    def direction(logits: Logits) -> Logits:
        num_clips, num_classes = logits.shape

        def draw(n: int) -> Logits:
            return jax.random.normal(key, (n, num_classes), logits.dtype)

        return centred_directions(draw_for_clips(draw, num_clips))

    return direction


def centred_directions(normal: Float[Array, "... k"]) -> Float[Array, "... k"]:
    """Returns the directions with their mean subtracted, scaled to length sqrt(k).

    Args:
      normal: standard normal numbers.
    """
    centred = normal - jnp.mean(normal, axis=-1, keepdims=True)
    length = jnp.linalg.norm(centred, axis=-1, keepdims=True)
    # A single class has no centred direction but 0.
    tiny = jnp.finfo(normal.dtype).tiny

    return centred * (math.sqrt(normal.shape[-1]) / jnp.maximum(length, tiny))


def label_error(target: Float[Array, "b k"]) -> Direction:
    """Returns the directions y - p, the gradient of log p_y with respect to the logits.

    The penalty's value is the norm of the gradient of the cross-entropy with respect to the clip.
    (Drucker, LeCun, 1992) But p is a constant for its derivative. Otherwise the penalty could be
    lowered by certainty about the static clip, where y - p is 0, against the adversarial and the
    entropy term. The length of y - p is at most sqrt(2), and sqrt(1 - 1 / k) where p is uniform.

    Args:
      target: labels y, also soft ones; each row sums to 1.
    """

    def direction(logits: Logits) -> Logits:
        return target.astype(logits.dtype) - jax.nn.softmax(logits)

    return direction


def direction_of(of: PenaltyOf, target: Float[Array, "b k"], key: Key[Array, ""]) -> Direction:
    """Returns the directions of a choice.

    Args:
      of: the choice.
      target: labels, which only "label" reads.
      key: random key, which only "random" reads.
    """
    if of == "random":
        return random_centred(key)
    if of == "label":
        return label_error(target)

    return sum_of_logits


def head_sum(kernel: Float[Array, "d k"]) -> Float[Array, ""]:
    """Returns || sum_k W_k || / (sqrt(k) mean_k || W_k ||) for the columns W_k of a head's kernel.

    It is 0 for a head whose gradient penalty of "sum" is 0 for every clip, about 1 for independent
    columns, and sqrt(k) for equal ones.
    """
    lengths = jnp.linalg.norm(kernel, axis=0)
    length_of_sum = jnp.linalg.norm(jnp.sum(kernel, axis=1))
    tiny = jnp.finfo(kernel.dtype).tiny

    return length_of_sum / jnp.maximum(math.sqrt(kernel.shape[1]) * jnp.mean(lengths), tiny)
