"""Per-clip loss terms that every method is made of. All are float32 and never average over the batch."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from albar_jax.parallel.global_batch import global_sum


def cross_entropy(logits: Float[Array, "b k"], target: Float[Array, "b k"]) -> Float[Array, " b"]:
    """Cross-entropy of each clip against its soft target, in nats. (ALBAR Eq. 1)"""
    return -jnp.sum(target * jax.nn.log_softmax(logits.astype(jnp.float32)), axis=-1)


def negative_entropy(logits: Float[Array, "b k"]) -> Float[Array, " b"]:
    """Sum of p log p for each clip, in nats: -log k for a uniform prediction, 0 for a certain one. (ALBAR Eq. 3)"""
    # From log-softmax: the published p * log(p) is NaN where a probability underflows.
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    return jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)


def valid_mean(values: Float[Array, " b"], valid: Float[Array, " b"]) -> Float[Array, ""]:
    """Mean over the clips with `valid` 1; 0 when there is none, so that an unreadable batch adds no gradient.

    Of a batch that several devices share, each has its summand: the mean is their sum.
    """
    return jnp.sum(values * valid) / jnp.maximum(global_sum(jnp.sum(valid)), 1.0)
