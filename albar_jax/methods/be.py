"""Background Erasing: adds a faint frame of a clip to all of its frames; the label stays.

    video <- (1 - ratio) * video + ratio * frame,   ratio ~ Uniform(0, max_ratio)

Source: Wang et al., "Removing the Background by Adding the Background" (CVPR 2021), FingerRec/BE,
in the supervised form that StillMix compares itself with: lihaoxin05/StillMix,
mmaction/datasets/blending_utils.py, `BEIntraBlending`.

Differences from published code:

- StillMix's code reorders the clips with their labels. Here every clip keeps its row.
- The original is self-supervised and pulls the features of the two clips together. Its README uses
  their mean squared error, which is the consistency term here. Its released pretraining uses a
  contrastive loss against a moving average of the network.

Example: `python train.py --config configs/hmdb51.py:be --config.methods.be.consistency_weight=1`
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from albar_jax.methods.base import Method
from albar_jax.methods.losses import cross_entropy, valid_mean
from albar_jax.parallel.global_batch import draw_for_clips
from albar_jax.schema.fields import NonNegative, Share, checked
from albar_jax.types import Batch, Metrics, Predict


@checked
def make(
    prob: Share = 0.25, max_ratio: Share = 0.3, consistency_weight: NonNegative = 0.0
) -> Method:
    """Returns Background Erasing: a transform, or with a consistency term a loss.

    The ratio is drawn once per batch, and the frame for each clip.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. Published: 0.25 for HMDB51, 0.5
        for UCF101.
      max_ratio: largest weight of the frame, 0 to 1.
      consistency_weight: weight of the mean squared distance between the features of the mixed and
        the original clip, >= 0. Above 0 the method is a loss with a second forward pass. With 0
        it is a transform that can be combined with any loss.

    Raises:
      UserError: an option is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        return with_own_frames(batch, key, prob=prob, max_ratio=max_ratio)[0]

    def loss(
        predict: Predict, batch: Batch, key: Key[Array, ""]
    ) -> tuple[Float[Array, ""], Metrics]:
        k_mix, k_mixed, k_clean = jax.random.split(key, 3)
        mixed, pick = with_own_frames(batch, k_mix, prob=prob, max_ratio=max_ratio)
        outputs = predict(mixed.video, k_mixed)
        clean = predict(batch.video, k_clean)

        distance = jnp.mean(jnp.square(outputs.features - clean.features), axis=-1)
        plain = valid_mean(cross_entropy(outputs.logits, mixed.target), batch.valid)
        # Without mixing, the two passes of a clip differ only in their dropout.
        consistency = valid_mean(distance, batch.valid * pick)
        total = plain + consistency_weight * consistency
        return total, {
            "loss/cross_entropy": plain,
            "loss/consistency": consistency,
            "loss/total": total,
        }

    # A clip of one frame, mixed with its frame, would not change.
    if consistency_weight:
        return Method(loss=loss, min_frames=2)
    return Method(transforms=(mix,), min_frames=2)


def with_own_frames(
    batch: Batch, key: Key[Array, ""], *, prob: float, max_ratio: float
) -> tuple[Batch, Bool[Array, " b"]]:
    """Mixes some clips of a batch with one of their own frames.

    Args:
      batch: batch with normalized clips.
      key: random key.
      prob: probability that a clip is mixed.
      max_ratio: largest weight of the frame.

    Returns:
      The new batch, and True for each mixed clip.
    """
    k_ratio, k_pick, k_frame = jax.random.split(key, 3)
    num_clips, num_frames = batch.video.shape[:2]

    frame = draw_for_clips(lambda n: jax.random.randint(k_frame, (n,), 0, num_frames), num_clips)
    # (b, 1, h, w, 3)
    still = batch.video[jnp.arange(num_clips), frame][:, None]
    ratio = jax.random.uniform(k_ratio, dtype=batch.video.dtype, maxval=max_ratio)
    pick = draw_for_clips(lambda n: jax.random.bernoulli(k_pick, prob, (n,)), num_clips)

    mixed = (1 - ratio) * batch.video + ratio * still
    video = jnp.where(pick[:, None, None, None, None], mixed, batch.video)
    return dataclasses.replace(batch, video=video), pick
