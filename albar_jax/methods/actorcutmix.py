"""ActorCutMix: pastes the person of a clip onto the background of another clip.

    video  <- mask * video + (1 - mask) * partner video
    target <- w * target + (1 - w) * partner target,   w = 1 - (1 - r)^4

r is the share of the clip's pixels that show a person. The partner of clip i is clip b - 1 - i.
Where only the partner has a person, the mean color is visible.

Source: Zou et al., "Learning representational invariances for data-efficient action recognition"
(CVIU 2023), vt-vl-lab/video-data-aug, mmaction/models/recognizers/base_supervised_aug.py. StillMix
compares itself with the form of lihaoxin05/StillMix, mmaction/datasets/blending_utils.py,
`ActorCutmixBlending`, which this module follows.

Differences from published code:

- The first code mixes all clips of a batch with probability 0.5, or none. The second draws for each
  clip, as here.
- Both codes replace the mask of a clip that shows no person, or nothing else, by all person. The
  clip itself does not change, but its partner gets the mean color as background, and a share of
  the label of something invisible. Here the partner does not change either.

Example:
  `python train.py --config configs/hmdb51.py:actorcutmix --config.methods.actorcutmix.prob=0.5`
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from albar_jax.methods.base import PERSON_MASK, Method, needed
from albar_jax.methods.partners import MIN_CLIPS
from albar_jax.schema.fields import Share, checked
from albar_jax.types import Batch


@checked
def make(prob: Share = 0.25) -> Method:
    """Returns ActorCutMix, a transform.

    A clip does not change in three cases: its partner is unreadable, its partner is itself (the
    middle one of an odd number), or one of the two has r = 0 or r = 1.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. Published: 0.25 for HMDB51, 0.5
        for UCF101.

    Raises:
      UserError: prob is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        num_clips = batch.video.shape[0]
        person_mask = needed(batch.person_mask)
        share = person_mask.mean((1, 2, 3), dtype=jnp.float32)
        # Exact tests, because a rounded mean cannot distinguish one pixel from none.
        has_person = person_mask.any((1, 2, 3))
        has_background = ~person_mask.all((1, 2, 3))
        usable = has_person & has_background & (batch.valid > 0)
        # The middle clip of an odd number is its own partner, and mixing does not change it.
        pick = usable & usable[::-1] & jax.random.bernoulli(key, prob, (num_clips,))

        mask = person_mask[..., None]
        # The mean color is 0 in normalized pixels.
        background = jnp.where(mask, 0, batch.video)[::-1]
        mixed = jnp.where(mask, batch.video, background)

        weight = jnp.where(pick, 1 - (1 - share) ** 4, 1.0)[:, None]
        # The background is the partner's alone, and visible persons are the clip's alone.
        scene = batch.scene
        if scene is not None:
            scene = jnp.where(pick[:, None], scene[::-1], scene)
        video = jnp.where(pick[:, None, None, None, None], mixed, batch.video)
        target = weight * batch.target + (1 - weight) * batch.target[::-1]
        return dataclasses.replace(batch, video=video, target=target, scene=scene)

    return Method(transforms=(mix,), needs={"person_mask": PERSON_MASK}, min_clips=MIN_CLIPS)
