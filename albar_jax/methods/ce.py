"""CE: plain cross-entropy, the baseline of all methods. (ALBAR Eq. 1)

    total = mean_i CE(softmax(logits_i), y_i)

Example: `python train.py --config configs/hmdb51.py:ce`
"""

from jaxtyping import Array, Float, Key

from albar_jax.methods.base import Method
from albar_jax.methods.losses import cross_entropy, valid_mean
from albar_jax.types import Batch, Metrics, Predict


def make() -> Method:
    """Returns cross-entropy alone."""
    return Method(loss=loss)


def loss(predict: Predict, batch: Batch, key: Key[Array, ""]) -> tuple[Float[Array, ""], Metrics]:
    """Returns the mean cross-entropy over the valid clips, in nats."""
    logits = predict(batch.video, key).logits
    total = valid_mean(cross_entropy(logits, batch.target), batch.valid)
    return total, {"loss/cross_entropy": total, "loss/total": total}
