"""The segments of a video that MGFN's loss selects. (MGFN, models/mgfn.py)"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key


class Picks(NamedTuple):
    """The selected segments of b videos of one class.

    Attributes:
      score: mean anomaly score of the selected segments of each video, 0 to 1.
      features: features of the k selected segments in each crop. The rows are crop-major:
        row = crop * b + video.
    """

    score: Float[Array, " b"]
    features: Float[Array, "rows k d"]


def draw_masks(
    key: Key[Array, ""], shape: tuple[int, int], dropout: float
) -> tuple[Float[Array, "b t"], Float[Array, "b t"]]:
    """Draws dropout masks of the selection: 0, or 1 / (1 - dropout).

    Args:
      key: random key.
      shape: videos of a class, and segments.
      dropout: probability of a zero, from 0 to below 1.

    Returns:
      The masks of normal and of abnormal videos.
    """
    is_kept = jax.random.bernoulli(key, 1 - dropout, (2, *shape))
    normal, abnormal = jnp.where(is_kept, 1 / (1 - dropout), 0.0)
    return normal, abnormal


def pick(
    scores: Float[Array, "b t"],
    features: Float[Array, "b crops t d"],
    mask: Float[Array, "b t"],
    count: int,
) -> Picks:
    """Selects the segments with the largest feature magnitudes, over which no gradient flows.

    All crops of a video share a selection. The features follow a layer norm, so their initial
    magnitudes are all sqrt(d), and the first selections are noise. If a mask keeps fewer than
    `count` segments, others with a product of 0 fill up, the earliest first; the original takes
    any of them. A video with fewer rows than `count` takes all.

    Args:
      scores: anomaly scores, 0 to 1.
      features: features of each crop.
      mask: factor of each magnitude; ones in evaluation.
      count: number of segments to select.
    """
    magnitudes = jnp.linalg.norm(jax.lax.stop_gradient(features), axis=-1).mean(1)
    _, index = jax.lax.top_k(magnitudes * mask, min(count, mask.shape[1]))

    score = jnp.take_along_axis(scores, index, axis=1).mean(1)
    selected = jnp.take_along_axis(features, index[:, None, :, None], axis=2)
    return Picks(score, selected.swapaxes(0, 1).reshape(-1, *selected.shape[2:]))
