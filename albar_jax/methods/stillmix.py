"""StillMix: half of a clip's evidence becomes a still of another video, its label stays.

Source: Li et al., "Mitigating and Evaluating Static Bias of Action Representations in the Background and the
Foreground" (ICCV 2023), lihaoxin05/StillMix, mmaction/datasets/blending_utils.py. There the stills come from a bank of
frames that a reference network names with confidence; ALBAR's released code takes random frames of the other clips of
the batch, without a reference network. The first code re-orders the clips with their labels, the second without them;
here every clip keeps its row. The second fails at probability 1.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from albar_jax.methods.base import STILL, Method
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
    """Mixes clips with stills: video <- ratio * video + (1 - ratio) * still, ratio ~ Beta(alpha, beta) once a batch.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. (0.75 is the published value for HMDB51, 0.25 for
        UCF101)
      alpha: first parameter of the Beta distribution, > 0.
      beta: second parameter of the Beta distribution, > 0.
      stills: "batch", random frames of the other clips of the batch, or "bank", the published method: the batch brings
        a still for each clip, drawn from a bank.

    Raises:
      UserError: for an option that is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_ratio, k_pick, k_partner, k_frame = jax.random.split(key, 4)
        num_clips, num_frames = batch.video.shape[:2]
        pick = jax.random.bernoulli(k_pick, prob, (num_clips,))
        if stills == "bank":
            still = batch.still
        else:
            partner, there = other_clips(k_partner, batch.valid)
            still = batch.video[partner, jax.random.randint(k_frame, (num_clips,), 0, num_frames)]
            pick &= there
        ratio = jax.random.beta(k_ratio, alpha, beta).astype(batch.video.dtype)
        mixed = ratio * batch.video + (1 - ratio) * still[:, None]
        video = jnp.where(pick[:, None, None, None, None], mixed, batch.video)
        return dataclasses.replace(batch, video=video)

    if stills == "bank":
        return Method(transforms=(mix,), needs={"still": STILL})
    return Method(transforms=(mix,), min_clips=MIN_CLIPS)
