"""ActorCutMix: the person of a clip in front of the background of another, with a share of that one's label.

Source: Zou et al., "Learning representational invariances for data-efficient action recognition" (CVIU 2023),
vt-vl-lab/video-data-aug, mmaction/models/recognizers/base_supervised_aug.py, in the form in which StillMix is compared
with it: lihaoxin05/StillMix, mmaction/datasets/blending_utils.py, `ActorCutmixBlending`. The partner of clip i is clip
b - 1 - i. Where neither clip has a person the partner is seen; where only the partner has one, the mean colour.

The first code mixes every clip of a batch, or, with probability 0.5, none; the second draws for each clip, as here.
Both set the mask of a clip without any person, or with nothing else, to all person. That leaves the clip itself as it
is, but the clip that has it as partner gets the mean colour instead of a background, and a share of the label of what
is not to be seen. Here it is left as it is, too.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from albar_jax.methods.base import PERSON_MASK, Method
from albar_jax.methods.partners import MIN_CLIPS
from albar_jax.schema.fields import Share, checked
from albar_jax.types import Batch


@checked
def make(prob: Share = 0.25) -> Method:
    """Puts the persons of clips in front of the backgrounds of their partners, clips from last to first.

    With r the share of a clip's pixels that show a person, its label is w * target + (1 - w) * the
    partner's target, w = 1 - (1 - r)^4. A clip is unchanged if its partner is itself (the middle
    one of an odd number) or unreadable, or if one of the two has r = 0 or 1.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. (0.25 is the published value for HMDB51, 0.5 for
        UCF101)

    Raises:
      UserError: if prob is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        num_clips = batch.video.shape[0]
        share = batch.person_mask.mean((1, 2, 3), dtype=jnp.float32)
        # By counting: a rounded mean cannot tell one pixel from none.
        usable = (
            batch.person_mask.any((1, 2, 3)) & ~batch.person_mask.all((1, 2, 3)) & (batch.valid > 0)
        )
        # The middle one of an odd number is its own partner, and the same after it is mixed.
        pick = usable & usable[::-1] & jax.random.bernoulli(key, prob, (num_clips,))
        mask = batch.person_mask[..., None]
        # The mean colour is 0 in normalised pixels.
        background = jnp.where(mask, 0, batch.video)[::-1]
        mixed = jnp.where(mask, batch.video, background)
        weight = jnp.where(pick, 1 - (1 - share) ** 4, 1.0)[:, None]
        # The scene is all the partner's, and the persons that are seen are all the clip's own.
        scene = (
            None
            if batch.scene is None
            else jnp.where(pick[:, None], batch.scene[::-1], batch.scene)
        )
        return dataclasses.replace(
            batch,
            video=jnp.where(pick[:, None, None, None, None], mixed, batch.video),
            target=weight * batch.target + (1 - weight) * batch.target[::-1],
            scene=scene,
        )

    return Method(transforms=(mix,), needs={"person_mask": PERSON_MASK}, min_clips=MIN_CLIPS)
