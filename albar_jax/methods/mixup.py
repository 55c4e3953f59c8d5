"""Mixup: a clip and its label become a mixture of two. (Zhang et al., "mixup: Beyond Empirical Risk ...", ICLR 2018)

As in the comparisons of StillMix (Li et al., ICCV 2023; MixupBlending_fixbs in its blending_utils.py): one ratio for
the whole batch. That code puts the mixed clips before the others and permutes the batch for partners, so that a clip
can be mixed with itself; here every clip keeps its row and its partner is another, readable clip.
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
    """Mixes clips and labels: ratio * clip + (1 - ratio) * other clip, ratio ~ Beta(alpha, alpha) once a batch.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. (StillMix's comparison has 0.75 for HMDB51 and 0.5
        for UCF101)
      alpha: both parameters of the Beta distribution, > 0.

    Raises:
      UserError: for an option that is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_ratio, k_pick, k_partner = jax.random.split(key, 3)
        partner, there = other_clips(k_partner, batch.valid)
        pick = jax.random.bernoulli(k_pick, prob, partner.shape) & there
        share = jnp.where(pick, jax.random.beta(k_ratio, alpha, alpha), 1.0)
        own = share[:, None, None, None, None].astype(batch.video.dtype)
        video = own * batch.video + (1 - own) * batch.video[partner]
        return dataclasses.replace(mix_labels(batch, partner, share), video=video)

    return Method(transforms=(mix,), min_clips=MIN_CLIPS)
