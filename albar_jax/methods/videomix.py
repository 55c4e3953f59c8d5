"""VideoMix: pastes a box of another clip into all frames and mixes the labels by area.

    video  <- outside * video + inside * other video
    target <- share * target + (1 - share) * other target,   share = area outside the box

Source: Yun et al., "VideoMix" (2020), in its spatial form, CutMix, as in the comparisons of
StillMix (Li et al., ICCV 2023; `CutmixBlending_fixbs` in its blending_utils.py): one box for the
whole batch, with sides rounded down to even numbers of pixels. Differences from that code: it puts
the mixed clips first and permutes the batch for partners, so a clip can be mixed with itself. Here
every clip keeps its row, and its partner is another, readable clip.

Example: `python train.py --config configs/hmdb51.py:videomix --config.methods.videomix.prob=0.5`
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from albar_jax.methods.base import Method
from albar_jax.methods.partners import MIN_CLIPS, mix_labels, other_clips, paste
from albar_jax.schema.fields import Positive, Share, checked
from albar_jax.types import Batch


@checked
def make(prob: Share = 0.25, alpha: Positive = 1.0) -> Method:
    """Returns VideoMix, a transform with one box per batch.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. StillMix's comparison has 0.25
        for HMDB51 and 0.5 for UCF101.
      alpha: both parameters of the Beta distribution, > 0. It gives the share of the frame outside
        the box, drawn once a batch, before the box is clipped at the border.

    Raises:
      UserError: an option is out of range.
    """

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_box, k_pick, k_partner = jax.random.split(key, 3)
        partner, _ = other_clips(k_partner, batch.valid)
        pick = jax.random.bernoulli(k_pick, prob, partner.shape)
        height, width = batch.video.shape[2:4]
        inside = pick[:, None, None] & box(k_box, height, width, alpha)

        # The share of the pasted box, which is rounded to pixels and clipped at the border.
        share = 1 - jnp.mean(inside, axis=(1, 2), dtype=jnp.float32)
        return paste(mix_labels(batch, partner, share), partner, inside)

    return Method(transforms=(mix,), min_clips=MIN_CLIPS)


def box(key: Key[Array, ""], height: int, width: int, alpha: float) -> Bool[Array, "h w"]:
    """Draws a box around a random pixel.

    Args:
      key: random key.
      height: height of the frame in pixels.
      width: width of the frame in pixels.
      alpha: the sides are sqrt(1 - ratio) times the frame's, with ratio ~ Beta(alpha, alpha).

    Returns:
      True inside the box.
    """
    k_ratio, k_row, k_column = jax.random.split(key, 3)
    side = jnp.sqrt(1 - jax.random.beta(k_ratio, alpha, alpha))

    def span(key: Key[Array, ""], length: int) -> Bool[Array, " n"]:
        # Whole pixels on both sides of the centre, clipped by the frame.
        centre = jax.random.randint(key, (), 0, length)
        half = jnp.floor(length * side / 2)
        offset = jnp.arange(length) - centre
        return (offset >= -half) & (offset < half)

    return span(k_row, height)[:, None] & span(k_column, width)
