"""StillMix: mixes a clip with a still of another video; the label stays.

    video <- ratio * video + (1 - ratio) * still,   ratio ~ Beta(alpha, beta)

Source: Li et al., "Mitigating and Evaluating Static Bias of Action Representations in the
Background and the Foreground" (ICCV 2023), lihaoxin05/StillMix,
mmaction/datasets/blending_utils.py. Its stills come from a bank of frames that a reference network
classifies with confidence.

Differences from published code:

- ALBAR's released code takes random frames of the other clips of the batch, without a reference
  network (`stills="batch"`).
- StillMix's code reorders the clips with their labels, ALBAR's without them. Here every clip keeps
  its row.
- ALBAR's code fails at probability 1.

Example: `python train.py --config configs/hmdb51.py:stillmix --config.methods.stillmix.prob=0.5`
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from albar_jax.methods.base import STILL, Method, needed
from albar_jax.methods.partners import MIN_CLIPS, other_clips
from albar_jax.schema.fields import Positive, Share, checked
from albar_jax.types import Batch


@checked
def make(
    prob: Share = 0.75,
    alpha: Positive = 200.0,
    beta: Positive = 200.0,
    stills: Literal["batch", "bank"] = "batch",
) -> Method:
    """Returns StillMix, a transform with one ratio per batch.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. Published: 0.75 for HMDB51, 0.25
        for UCF101.
      alpha: first parameter of the Beta distribution, > 0.
      beta: second parameter of the Beta distribution, > 0.
      stills: "batch", random frames of the other clips of the batch, or "bank", the published
        method: the loader provides a still from a bank for each clip.

    Raises:
      UserError: an option is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_ratio, k_pick, k_partner, k_frame = jax.random.split(key, 4)
        num_clips, num_frames = batch.video.shape[:2]
        pick = jax.random.bernoulli(k_pick, prob, (num_clips,))
        if stills == "bank":
            still = needed(batch.still)
        else:
            # One random frame of another clip of the batch.
            partner, has_partner = other_clips(k_partner, batch.valid)
            frame = jax.random.randint(k_frame, (num_clips,), 0, num_frames)
            still = batch.video[partner, frame]
            pick &= has_partner

        ratio = jax.random.beta(k_ratio, alpha, beta).astype(batch.video.dtype)
        mixed = ratio * batch.video + (1 - ratio) * still[:, None]
        video = jnp.where(pick[:, None, None, None, None], mixed, batch.video)
        return dataclasses.replace(batch, video=video)

    if stills == "bank":
        return Method(transforms=(mix,), needs={"still": STILL})
    return Method(transforms=(mix,), min_clips=MIN_CLIPS)
