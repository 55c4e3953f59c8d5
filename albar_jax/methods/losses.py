"""Loss terms per clip, shared by all methods.

Terms are float32 and have one value per clip; only `valid_mean` averages over the batch.
"""

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
