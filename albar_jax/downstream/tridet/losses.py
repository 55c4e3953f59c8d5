"""The losses of TriDet: focal loss weighted by the IoU, and distance IoU of the boundaries.

Source: dingfengshi/TriDet, libs/modeling/losses.py and meta_archs.py.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.decoding import decode
from albar_jax.downstream.tridet.network import TridetOutputs
from albar_jax.types import Metrics

ALPHA = 0.25
GAMMA = 2.0
# Weight of the newest count of positive points in the running normaliser.
NORMALIZER_MOMENTUM = 0.1
_TINY = 1e-8


def losses(
    outputs: TridetOutputs,
    class_targets: Float[Array, "b p c"],
    offset_targets: Float[Array, "b p 2"],
    normalizer: Float[Array, ""],
    config: TridetConfig,
) -> tuple[Float[Array, ""], tuple[Metrics, Float[Array, ""]]]:
    """Returns the loss, its terms, and the new normaliser.

    The focal terms of a positive point's classes are multiplied by IoU^0.2. As in the original, the
    gradient flows through this factor: the class loss pulls boundaries towards a lower IoU. The
    option `iou_gradient` stops it.
    ≠ the paper weights by the plain IoU and divides by two numbers.

    Args:
      outputs: outputs of the network.
      class_targets: 1 for the classes of a point.
      offset_targets: distances to both boundaries in strides, at positive points.
      normalizer: running mean of the number of positive points.
      config: bins, the exponent of the IoU, and whether its gradient flows.
    """
    valid = outputs.valid[..., None]
    is_positive = (class_targets > 0) & valid
    num_positive = jnp.sum(jnp.any(is_positive, axis=-1))
    newest = jnp.maximum(num_positive, 1).astype(jnp.float32)
    normalizer = (1 - NORMALIZER_MOMENTUM) * normalizer + NORMALIZER_MOMENTUM * newest

    # Other pairs of point and class get harmless distances, so that their gradients are finite.
    chosen = is_positive[..., None]
    predicted = jnp.where(chosen, decode(outputs, config.bins), 1.0)
    wanted = jnp.where(chosen, offset_targets[:, :, None], 1.0)
    # IoU^0.2 has an infinite slope at 0.
    overlap = jnp.maximum(1 - one_minus_iou(predicted, wanted), _TINY)
    if not config.iou_gradient:
        overlap = jax.lax.stop_gradient(overlap)
    factor = jnp.where(is_positive, overlap**config.iou_power, 1.0)

    focal = focal_loss(outputs.classes, class_targets) * factor
    class_loss = jnp.sum(jnp.where(valid, focal, 0.0)) / normalizer
    distance = distance_iou(predicted, wanted)
    offset_loss = jnp.sum(jnp.where(is_positive, distance, 0.0)) / normalizer

    # Both terms have the same weight.
    total = class_loss + offset_loss
    metrics = {
        "loss/total": total,
        "loss/class": class_loss,
        "loss/offset": offset_loss,
        "train/positive_points": num_positive.astype(jnp.float32),
    }
    return total, (metrics, normalizer)


def focal_loss(logits: Float[Array, "*n"], targets: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Returns the sigmoid focal loss of each entry. (Lin et al., ICCV 2017)

    Args:
      logits: logits of a class.
      targets: 0 or 1.
    """
    prob = jax.nn.sigmoid(logits)
    # Binary cross-entropy in a form that does not overflow.
    entropy = jax.nn.softplus(-logits) + (1 - targets) * logits
    # Certain points count less.
    prob_of_target = prob * targets + (1 - prob) * (1 - targets)
    weight = ALPHA * targets + (1 - ALPHA) * (1 - targets)

    return weight * entropy * (1 - prob_of_target) ** GAMMA


def one_minus_iou(
    predicted: Float[Array, "*n 2"], wanted: Float[Array, "*n 2"]
) -> Float[Array, "*n"]:
    """Returns 1 - IoU of segments around the same points.

    Args:
      predicted: distances to both boundaries, at least 0.
      wanted: the same of the targets.
    """
    overlap = jnp.minimum(predicted, wanted).sum(-1)
    union = predicted.sum(-1) + wanted.sum(-1) - overlap
    return 1 - overlap / jnp.maximum(union, _TINY)


def distance_iou(
    predicted: Float[Array, "*n 2"], wanted: Float[Array, "*n 2"]
) -> Float[Array, "*n"]:
    """Returns 1 - IoU plus the squared distance of the centres, relative to the common span.

    Args:
      predicted: distances to both boundaries, at least 0.
      wanted: the same of the targets.
    """
    span = jnp.maximum(predicted, wanted).sum(-1)
    difference = predicted - wanted
    centres = 0.5 * (difference[..., 1] - difference[..., 0])
    return one_minus_iou(predicted, wanted) + (centres / jnp.maximum(span, _TINY)) ** 2
