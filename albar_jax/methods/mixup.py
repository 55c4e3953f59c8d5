"""Mixup: mixes a clip and its label with another clip.

    video  <- ratio * video  + (1 - ratio) * other video,    ratio ~ Beta(alpha, alpha)
    target <- ratio * target + (1 - ratio) * other target

Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (ICLR 2018), as in the comparisons
of StillMix (Li et al., ICCV 2023; `MixupBlending_fixbs` in its blending_utils.py). Differences from
that code: it puts the mixed clips first and permutes the batch for partners, so a clip can be mixed
with itself. Here every clip keeps its row, and its partner is another, readable clip.

Example: `python train.py --config configs/hmdb51.py:mixup --config.methods.mixup.alpha=0.4`
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from albar_jax.methods.base import Method
from albar_jax.methods.partners import MIN_CLIPS, mix_labels, other_clips
from albar_jax.schema.fields import Positive, Share, checked
from albar_jax.types import Batch


@checked
def make(prob: Share = 0.75, alpha: Positive = 0.2) -> Method:
    """Returns mixup, a transform with one ratio per batch.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. StillMix's comparison has 0.75
        for HMDB51 and 0.5 for UCF101.
      alpha: both parameters of the Beta distribution, > 0.

    Raises:
      UserError: an option is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_ratio, k_pick, k_partner = jax.random.split(key, 3)
        partner, has_partner = other_clips(k_partner, batch.valid)
        pick = jax.random.bernoulli(k_pick, prob, partner.shape) & has_partner

        # A share of 1 leaves a clip as it is.
        share = jnp.where(pick, jax.random.beta(k_ratio, alpha, alpha), 1.0)
        own = share[:, None, None, None, None].astype(batch.video.dtype)
        video = own * batch.video + (1 - own) * batch.video[partner]
        return dataclasses.replace(mix_labels(batch, partner, share), video=video)

    return Method(transforms=(mix,), min_clips=MIN_CLIPS)
