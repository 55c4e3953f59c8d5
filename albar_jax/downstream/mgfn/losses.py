"""MGFN's losses. (MGFN, train.py)"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from albar_jax.downstream.mgfn.config import Losses, Pairs
from albar_jax.downstream.mgfn.selection import Picks
from albar_jax.types import Metrics

CONTRAST = 1e-3
BETWEEN_CLASSES = 1e-3
SPARSITY = 8e-3
SMOOTHNESS = 8e-4
# Distance of normal and abnormal features beyond which the contrast is 0.
MARGIN = 200.0
# torch's `pairwise_distance` adds it to each difference.
DISTANCE_EPSILON = 1e-6
# torch's `binary_cross_entropy` has this logarithm for 0.
LEAST_LOG = -100.0


def mgfn_loss(
    scores: Float[Array, "b2 t"],
    normal: Picks,
    abnormal: Picks,
    *,
    losses: Losses = "current",
    pairs: Pairs = "rows",
) -> tuple[Float[Array, ""], Metrics]:
    """Returns the loss and its terms.

    The loss is bce + 0.001 (0.001 con + con_a + con_n) + sparse + smooth.

    Args:
      scores: anomaly scores of the segments, 0 to 1: of b normal videos, then of b abnormal ones.
      normal: selected segments of the normal videos.
      abnormal: selected segments of the abnormal videos.
      losses: "current" is the published code since April 2023. Its sparsity is a norm of *normal*
        scores, and its smoothness is within each video. "before2023" applies both to the abnormal
        scores, as sparsity is meant (Sultani et al., 2018), but as one vector, so that smoothness
        also compares the last segment of a video with the first one of the next.
      pairs: rows that the contrast within a class compares; see `contrast`.

    Returns:
      The loss, and {"loss/NAME": term}. Sparsity and smoothness include their weights.
    """
    terms = {
        "bce": binary_cross_entropy(normal.score, abnormal.score),
        "con": separation(abnormal.features, normal.features),
        "con_n": contrast(normal, pairs),
        "con_a": contrast(abnormal, pairs),
        **_score_losses(scores, losses),
    }
    within = terms["con_a"] + terms["con_n"]
    terms["criterion"] = terms["bce"] + CONTRAST * (BETWEEN_CLASSES * terms["con"] + within)
    total = terms["criterion"] + terms["sparse"] + terms["smooth"]

    return total, {f"loss/{name}": value for name, value in (terms | {"total": total}).items()}


def binary_cross_entropy(
    normal: Float[Array, " b"], abnormal: Float[Array, " b"]
) -> Float[Array, ""]:
    """Returns the mean cross-entropy of video scores, 0 to 1, for the labels 0 and 1."""
    likelihoods = jnp.concatenate([1 - normal, abnormal])
    is_possible = likelihoods > 0
    # The inner choice keeps the infinite slope of the logarithm out of the gradient.
    logs = jnp.log(jnp.where(is_possible, likelihoods, 1.0))
    return -jnp.where(is_possible, logs, LEAST_LOG).mean()


def separation(
    abnormal: Float[Array, "rows k d"], normal: Float[Array, "rows k d"]
) -> Float[Array, ""]:
    """Returns the mean squared shortfall of the distance between classes from the margin."""
    shortfall = MARGIN - distance(_magnitudes(abnormal), _magnitudes(normal))
    return jnp.square(jnp.maximum(0, shortfall)).mean()


def contrast(picks: Picks, pairs: Pairs) -> Float[Array, ""]:
    """Returns the mean squared distance of pairs within a class.

    Args:
      picks: selected segments of the class.
      pairs: "rows" compares the halves of the crop-major rows, as the original does. With one crop
        they are different videos. With 10 crops they are crops c and c + 5 of the same video,
        usually its mirror image, though the paper compares videos. "videos" compares video i
        with video i + b / 2 in each crop, for any number of crops.
    """
    magnitudes = _magnitudes(picks.features)
    if pairs == "videos":
        # (crops, b, k) to the halves of the axis of videos.
        by_crop = magnitudes.reshape(-1, picks.score.shape[0], magnitudes.shape[-1])
        first, second = jnp.split(by_crop, 2, axis=1)
    else:
        first, second = jnp.split(magnitudes, 2)

    return jnp.square(distance(second, first)).mean()


def distance(u: Float[Array, "*n k"], v: Float[Array, "*n k"]) -> Float[Array, "*n"]:
    """Returns torch's pairwise distance, the norm of u - v + 1e-6, which is never 0."""
    return jnp.linalg.norm(u - v + DISTANCE_EPSILON, axis=-1)


def _magnitudes(features: Float[Array, "rows k d"]) -> Float[Array, "rows k"]:
    # The code's magnitude in the contrast is the L1 norm, and that in the selection the L2 norm.
    return jnp.abs(features).sum(-1)


def _score_losses(scores: Float[Array, "b2 t"], losses: Losses) -> Metrics:
    normal, abnormal = jnp.split(scores, 2)
    if losses == "current":
        sparse = normal
        steps = jnp.diff(scores, axis=1)
    else:
        sparse = abnormal
        steps = jnp.diff(abnormal.reshape(-1))

    return {
        "sparse": SPARSITY * jnp.linalg.norm(sparse.reshape(-1)),
        "smooth": SMOOTHNESS * jnp.square(steps).sum(),
    }
