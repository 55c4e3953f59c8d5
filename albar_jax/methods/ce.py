"""Plain training: cross-entropy on the clip, the baseline that every method is compared with."""

from jaxtyping import Array, Float, Key

from albar_jax.methods.base import Method
from albar_jax.methods.losses import cross_entropy, valid_mean
from albar_jax.types import Batch, Metrics, Predict


def make() -> Method:
    """Cross-entropy alone. (ALBAR Eq. 1)"""
    return Method(loss=loss)


def loss(predict: Predict, batch: Batch, key: Key[Array, ""]) -> tuple[Float[Array, ""], Metrics]:
    """Mean cross-entropy over the valid clips."""
    logits = predict(batch.video, key).logits
    total = valid_mean(cross_entropy(logits, batch.target), batch.valid)
    return total, {"loss/cross_entropy": total, "loss/total": total}
