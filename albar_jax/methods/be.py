"""Background Erasing: a faint still of the clip itself lies over all of its frames, its label stays.

Source: Wang et al., "Removing the Background by Adding the Background" (CVPR 2021), FingerRec/BE, in the supervised
form in which StillMix is compared with it: lihaoxin05/StillMix, mmaction/datasets/blending_utils.py,
`BEIntraBlending`. That code re-orders the clips with their labels; here every clip keeps its row. The original is
self-supervised and pulls the features of the two clips together: its README by their mean squared error, which is the
consistency here; its released pretraining by a contrastive loss against a slowly moving copy of the network.
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
    """Mixes clips with frames of their own: video <- (1 - ratio) * video + ratio * frame.

    The ratio is uniform in 0..max_ratio, drawn once a batch; the frame is drawn for each clip.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. (0.25 is the published value for HMDB51, 0.5 for
        UCF101)
      max_ratio: the largest weight of the frame, 0 to 1.
      consistency_weight: weight of the mean squared distance between the features of a mixed clip and of the clip as it
        was, >= 0. Above 0 the method brings a loss of its own, with a second pass, and no transform; with 0 it is a
        transform alone, which can be combined with any loss.

    Raises:
      UserError: for an option that is out of range.
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
        # A clip that was not mixed differs from itself by the dropout of two passes alone.
        consistency = valid_mean(distance, batch.valid * pick)
        total = plain + consistency_weight * consistency
        return total, {
            "loss/cross_entropy": plain,
            "loss/consistency": consistency,
            "loss/total": total,
        }

    what = {"loss": loss} if consistency_weight else {"transforms": (mix,)}
    # A clip of one frame, mixed with its frame, would be unchanged.
    return Method(**what, min_frames=2)


def with_own_frames(
    batch: Batch, key: Key[Array, ""], *, prob: float, max_ratio: float
) -> tuple[Batch, Bool[Array, " b"]]:
    """The batch with some of its clips mixed with a frame of their own, and which. See `make`."""
    k_ratio, k_pick, k_frame = jax.random.split(key, 3)
    num_clips, num_frames = batch.video.shape[:2]
    frame = draw_for_clips(lambda n: jax.random.randint(k_frame, (n,), 0, num_frames), num_clips)
    still = batch.video[jnp.arange(num_clips), frame][:, None]
    ratio = jax.random.uniform(k_ratio, dtype=batch.video.dtype, maxval=max_ratio)
    pick = draw_for_clips(lambda n: jax.random.bernoulli(k_pick, prob, (n,)), num_clips)
    mixed = (1 - ratio) * batch.video + ratio * still
    video = jnp.where(pick[:, None, None, None, None], mixed, batch.video)
    return dataclasses.replace(batch, video=video), pick
