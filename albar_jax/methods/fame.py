"""FAME: what moves in a clip is put before another clip; the label stays.

Source: Ding et al., "Motion-aware Contrastive Video Representation Learning via Foreground-background Merging" (CVPR
2022), Mark12Ding/FAME, moco/loader.py, and as StillMix compares it (FameBlending in its blending_utils.py). Where we
differ from that code:

- It takes the hue for a share of a turn, and multiplies it by 2 pi. It comes from kornia's `rgb_to_hsv`, which gives
  radians already, so that hues 57 degrees (a turn by 2 pi) apart count as one. Here they are taken as radians.
- Half of the frame are foreground seeds and a tenth background seeds even where less than half of it moves, and a
  film's unmoved parts have differences of exactly 0. There, the order in memory decides which of them are seeds; here
  each of the equals counts for the same fraction of a seed.
- It permutes the batch, which leaves some clips on their own background. Here it is another, readable clip's.
- The kernel of its blur is for a nominal size of crop (StillMix's copy: 224); here it is for the frames that come.
- StillMix's copy puts the mixed clips before the others; here every clip keeps its row.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from albar_jax.methods.base import Method
from albar_jax.methods.partners import MIN_CLIPS, other_clips, paste
from albar_jax.methods.pixels import denormalise
from albar_jax.schema.fields import OpenShare, Share, checked
from albar_jax.types import Batch

# Shares of the frame, those that move most and least, whose colours are counted. (FAME Sec. 3.2, getSeg)
FOREGROUND_SEEDS, BACKGROUND_SEEDS = 0.5, 0.1
BINS = 10  # Of each coordinate of a colour.


@checked
def make(prob: Share = 0.5, beta: OpenShare = 0.5) -> Method:
    """Puts the foreground of a clip, the same pixels in all frames, before the frames of another clip.

    `person_mask` moves with the foreground; `scene`, if present, comes from the other clip.

    Args:
      prob: probability that a clip gets another background, drawn for each clip. (StillMix's comparison has 0.5 for
        HMDB51 and 0.25 for UCF101)
      beta: share of the frame that is foreground, above 0 and below 1.

    Raises:
      UserError: for an option that is out of range.
    """

    def merge(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_pick, k_partner = jax.random.split(key)
        partner, _ = other_clips(k_partner, batch.valid)
        pick = jax.random.bernoulli(k_pick, prob, partner.shape)
        merged = paste(batch, partner, pick[:, None, None] & ~foreground(batch.video, beta))
        if batch.scene is None:
            return merged
        return dataclasses.replace(
            merged, scene=jnp.where(pick[:, None], batch.scene[partner], batch.scene)
        )

    # Motion is the difference of two frames, so a clip needs two.
    return Method(transforms=(merge,), min_frames=2, min_clips=MIN_CLIPS)


def foreground(video: Float[Array, "b t h w 3"], beta: float) -> Bool[Array, "b h w"]:
    """The share `beta` of the frame whose colours are those of what moves, of normalised clips. (FAME Sec. 3.2)

    Of equals at the limit, which blurring makes rare, the first of the frame are foreground.
    """
    num_clips, _, height, width, _ = video.shape
    pixels = denormalise(video)
    # Sums for means, and no min-max normalisation: only the order of the values matters.
    motion = blur(jnp.sum(jnp.abs(pixels[:, 1:] - pixels[:, :-1]), axis=(1, 4)))
    colour = colour_bins(jnp.mean(pixels, axis=1))
    likeness = jax.vmap(foreground_likeness)(
        motion.reshape(num_clips, -1), colour.reshape(num_clips, -1)
    )
    refined = blur(likeness.reshape(num_clips, height, width))

    def best(values: Float[Array, " n"]) -> Bool[Array, " n"]:
        above, equal, missing = top(values, int(beta * height * width))
        return above | (equal & (jnp.cumsum(equal) <= missing))

    return jax.vmap(best)(refined.reshape(num_clips, -1)).reshape(num_clips, height, width)


def foreground_likeness(motion: Float[Array, " n"], colour: Int[Array, " n"]) -> Float[Array, " n"]:
    """p_fg / (p_fg + p_bg) of each pixel's colour, from the colours of the seeds of foreground and background."""
    num_pixels = motion.shape[0]
    num_fg, num_bg = int(FOREGROUND_SEEDS * num_pixels), int(BACKGROUND_SEEDS * num_pixels)
    more, fg_equal, fg_missing = top(motion, num_fg)
    less, bg_equal, bg_missing = top(-motion, num_bg)
    marks = jnp.stack([more, fg_equal, less, bg_equal], axis=-1).astype(jnp.float32)
    # Counts are whole numbers, whose sum does not depend on the order in which a GPU adds them.
    counts = jax.ops.segment_sum(marks, colour, num_segments=BINS**3)
    fg = counts[:, 0] + counts[:, 1] * fg_missing / jnp.sum(fg_equal)
    # One more of each colour, so that none is impossible.
    bg = counts[:, 2] + counts[:, 3] * bg_missing / jnp.sum(bg_equal) + 1
    fg, bg = fg / num_fg, bg / (num_bg + BINS**3)
    return (fg / (fg + bg))[colour]


def top(
    values: Float[Array, " n"], count: int
) -> tuple[Bool[Array, " n"], Bool[Array, " n"], Int[Array, ""]]:
    """Which values are among the `count` largest for certain, which equal the last of these, and how many of those."""
    limit = jnp.sort(values)[values.shape[0] - count]
    above = values > limit
    return above, values == limit, count - jnp.sum(above)


def colour_bins(image: Float[Array, "*b 3"]) -> Int[Array, "*b"]:
    """Number 0..999 of the colour of each pixel, RGB in 0..1: hue and saturation as a point in a disc, and value."""
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    value = jnp.max(image, axis=-1)
    chroma = value - jnp.min(image, axis=-1)
    safe = jnp.where(chroma == 0, 1.0, chroma)
    sixth = jnp.where(  # The hue, in sixths of a turn.
        red == value,
        (green - blue) / safe,
        jnp.where(green == value, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    saturation, angle = chroma / (value + 1e-8), sixth * jnp.pi / 3
    disc = [(saturation * part(angle) + 1) / 2 for part in (jnp.cos, jnp.sin)]
    # Rounded half up. Normalising and back may have left 0..1 by a rounding error.
    nearest = [jnp.floor(place * (BINS - 1) + 0.5).astype(jnp.int32) for place in (*disc, value)]
    x, y, z = (jnp.clip(number, 0, BINS - 1) for number in nearest)
    return x + BINS * y + BINS**2 * z


def blur(image: Float[Array, "b h w"]) -> Float[Array, "b h w"]:
    """Gaussian blur with a kernel of a tenth of the shorter side and a third of that as sigma, mirrored at the border.

    Each axis is blurred by one small matrix product, which is faster than a convolution with one channel.
    """
    height, width = image.shape[1:]
    size = int(0.1 * min(height, width)) // 2 * 2 + 1
    weights = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * (size / 3) ** 2))
    weights /= weights.sum()

    def matrix(length: int) -> Float[np.ndarray, "n n"]:
        mirrored = np.pad(np.eye(length), ((size // 2, size // 2), (0, 0)), mode="reflect")
        rows = (weight * mirrored[shift : shift + length] for shift, weight in enumerate(weights))
        return sum(rows).astype(np.float32)

    # In full precision: a GPU's TF32 would make unequal pixels equal.
    return jnp.einsum("yi,bij,xj->byx", matrix(height), image, matrix(width), precision="highest")
