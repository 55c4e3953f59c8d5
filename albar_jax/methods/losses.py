"""Loss terms per clip, shared by all methods.

Terms are float32 and have one value per clip; only `valid_mean` averages over the batch.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from albar_jax.parallel.global_batch import global_sum


def cross_entropy(logits: Float[Array, "b k"], target: Float[Array, "b k"]) -> Float[Array, " b"]:
    """Returns the cross-entropy of each clip, in nats. (ALBAR Eq. 1)

    Args:
      logits: scores of k classes.
      target: soft labels; each row sums to 1.

    Example:
      `cross_entropy(jnp.zeros((1, 8)), jnp.eye(8)[:1])` is `[log(8)]`.
    """
    return -jnp.sum(target * jax.nn.log_softmax(logits.astype(jnp.float32)), axis=-1)


def negative_entropy(logits: Float[Array, "b k"]) -> Float[Array, " b"]:
    """Returns sum(p log p) of each clip, in nats. (ALBAR Eq. 3)

    The range is -log k for a uniform prediction to 0 for a certain one.

    Args:
      logits: scores of k classes.

    Example:
      `negative_entropy(jnp.zeros((1, 8)))` is `[-log(8)]`.
    """
    # From log-softmax, because the published p * log(p) is NaN where a probability underflows.
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    return jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)


def unlikelihood(logits: Float[Array, "b k"], target: Float[Array, "b k"]) -> Float[Array, " b"]:
    """Returns -log(1 - p) of each clip's label, in nats. (Welleck et al., 2020)

    The value is finite for finite logits, also where p rounds to 1. Its gradient with respect to a
    logit is at most 1, and vanishes with p.

    Args:
      logits: scores of k classes, at least 2.
      target: soft labels; each row sums to 1. The value is the mean over the row.

    Example:
      `unlikelihood(jnp.zeros((1, 8)), jnp.eye(8)[:1])` is `[log(8 / 7)]`.
    """
    _, log_not = _log_probs(logits)
    return -jnp.sum(target * log_not, axis=-1)


def below_chance(
    logits: Float[Array, "b k"], target: Float[Array, "b k"], margin: float
) -> Float[Array, " b"]:
    """Returns softplus(a - b + margin) of each clip's label: log-odds a, and b those of chance.

    The value is 0 or more, and its gradient with respect to a logit is at most 1. It vanishes once
    the odds of the label are far below exp(-margin) times the odds of chance, 1 / (k - 1).

    Args:
      logits: scores of k classes, at least 2.
      target: soft labels; each row sums to 1. The value is the mean over the row.
      margin: distance from the log-odds of chance, in nats.

    Example:
      `below_chance(jnp.zeros((1, 8)), jnp.eye(8)[:1], 0.0)` is `[log(2)]`.
    """
    log_p, log_not = _log_probs(logits)
    log_odds_of_chance = -math.log(logits.shape[-1] - 1)
    excess = log_p - log_not - log_odds_of_chance + margin

    return jnp.sum(target * jax.nn.softplus(excess), axis=-1)


def _log_probs(
    logits: Float[Array, "b k"],
) -> tuple[Float[Array, "b k"], Float[Array, "b k"]]:
    """Returns log p and log(1 - p) of each class; finite for finite logits."""
    scores = logits.astype(jnp.float32)
    log_probs = jax.nn.log_softmax(scores)
    is_largest = jax.nn.one_hot(jnp.argmax(scores, axis=-1), scores.shape[-1], dtype=bool)

    # Close to 1, the difference 1 - p is rounded. The sum of the other probabilities is not.
    others = jax.nn.logsumexp(scores, axis=-1, where=~is_largest)
    log_of_others = others - jax.nn.logsumexp(scores, axis=-1)
    # The inner `where` keeps the unused branch, and so its gradient, finite.
    log_of_rest = jnp.log1p(-jnp.exp(jnp.where(is_largest, -1.0, log_probs)))
    return log_probs, jnp.where(is_largest, log_of_others[:, None], log_of_rest)


def valid_mean(values: Float[Array, " b"], valid: Float[Array, " b"]) -> Float[Array, ""]:
    """Returns the mean over the valid clips; 0 if there are none.

    Under data parallelism, each device returns its share of the mean; the sum over devices is the
    mean of the global batch.

    Args:
      values: one value per clip.
      valid: 1 for clips that count, 0 for the others.

    Example:
      `valid_mean(jnp.array([1.0, 5.0, 9.0]), jnp.array([1.0, 0.0, 1.0]))` is `5.0`.
    """
    # At least 1, so that a batch of unreadable clips adds no gradient instead of NaN.
    return jnp.sum(values * valid) / jnp.maximum(global_sum(jnp.sum(valid)), 1.0)
