"""FAME: pastes the moving foreground of a clip onto another clip; the label stays.

    video <- mask * video + (1 - mask) * other video

The mask has the share `beta` of the pixels whose colors are most typical of moving regions:
p_fg(color) / (p_fg(color) + p_bg(color)).

Source: Ding et al., "Motion-aware Contrastive Video Representation Learning via
Foreground-background Merging" (CVPR 2022), Mark12Ding/FAME, moco/loader.py, and StillMix's
`FameBlending` in its blending_utils.py. Differences from that code:

- It treats hue as a fraction of a circle and multiplies it by 2 pi. Its hue, from kornia's
  `rgb_to_hsv`, is already in radians, so hues 57 degrees apart (a circle over 2 pi) coincide. Here
  they are radians.
- Half of the frame are foreground seeds and a tenth background seeds, even if less than half of it
  moves. Pixels without motion then tie at exactly 0, and the memory order decides which of them are
  seeds. Here all pixels of a tie count as the same fraction of a seed.
- It permutes the batch, which leaves some clips on their own background. Here the background is
  always another, readable clip.
- Its blur kernel fits a nominal crop size (224 in StillMix's copy). Here it fits the actual frames.
- StillMix's copy puts the mixed clips first. Here every clip keeps its row.

Example: `python train.py --config configs/hmdb51.py:fame --config.methods.fame.beta=0.3`
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

# Shares of the frame, with the most and the least motion, whose colors are counted.
# (FAME Sec. 3.2, getSeg)
FOREGROUND_SEEDS = 0.5
BACKGROUND_SEEDS = 0.1
# Bins of each of the three coordinates of a color.
BINS = 10


@checked
def make(prob: Share = 0.5, beta: OpenShare = 0.5) -> Method:
    """Returns FAME, a transform.

    The foreground has the same pixels in all frames. `person_mask` is pasted with the foreground;
    `scene`, if present, comes from the other clip.

    Args:
      prob: probability that a clip gets another background, drawn for each clip. StillMix's
        comparison has 0.5 for HMDB51 and 0.25 for UCF101.
      beta: share of the frame that is foreground, above 0 and below 1.

    Raises:
      UserError: an option is out of range.
    """

    def merge(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_pick, k_partner = jax.random.split(key)
        partner, _ = other_clips(k_partner, batch.valid)
        pick = jax.random.bernoulli(k_pick, prob, partner.shape)

        background = pick[:, None, None] & ~foreground(batch.video, beta)
        merged = paste(batch, partner, background)
        if batch.scene is None:
            return merged
        scene = jnp.where(pick[:, None], batch.scene[partner], batch.scene)
        return dataclasses.replace(merged, scene=scene)

    # Motion is the difference of two frames, so a clip needs two.
    return Method(transforms=(merge,), min_frames=2, min_clips=MIN_CLIPS)


def foreground(video: Float[Array, "b t h w 3"], beta: float) -> Bool[Array, "b h w"]:
    """Returns the foreground mask of each clip. (FAME Sec. 3.2)

    Ties at the limit, which are rare after blurring, go to the first pixels of the frame.

    Args:
      video: normalized clips with at least two frames.
      beta: share of the frame that is foreground.
    """
    num_clips, _, height, width, _ = video.shape
    pixels = denormalise(video)
    # Sums instead of means, and no min-max normalization: only the order of the values matters.
    motion = blur(jnp.sum(jnp.abs(pixels[:, 1:] - pixels[:, :-1]), axis=(1, 4)))
    colour = colour_bins(jnp.mean(pixels, axis=1))

    likeness = jax.vmap(foreground_likeness)(
        motion.reshape(num_clips, -1), colour.reshape(num_clips, -1)
    )
    refined = blur(likeness.reshape(num_clips, height, width))

    def largest(values: Float[Array, " n"]) -> Bool[Array, " n"]:
        above, equal, missing = top(values, int(beta * height * width))
        return above | (equal & (jnp.cumsum(equal) <= missing))

    return jax.vmap(largest)(refined.reshape(num_clips, -1)).reshape(num_clips, height, width)


def foreground_likeness(motion: Float[Array, " n"], colour: Int[Array, " n"]) -> Float[Array, " n"]:
    """Returns p_fg / (p_fg + p_bg) of the color of each pixel.

    Args:
      motion: strength of the motion of n pixels.
      colour: bin of the color of each pixel, from `colour_bins`.
    """
    num_pixels = motion.shape[0]
    num_fg = int(FOREGROUND_SEEDS * num_pixels)
    num_bg = int(BACKGROUND_SEEDS * num_pixels)
    more, fg_equal, fg_missing = top(motion, num_fg)
    less, bg_equal, bg_missing = top(-motion, num_bg)

    marks = jnp.stack([more, fg_equal, less, bg_equal], axis=-1).astype(jnp.float32)
    # Counts are whole numbers, so their sum does not depend on the order of a GPU's additions.
    counts = jax.ops.segment_sum(marks, colour, num_segments=BINS**3)
    fg = counts[:, 0] + counts[:, 1] * fg_missing / jnp.sum(fg_equal)
    # Add one of each color, so that none is impossible.
    bg = counts[:, 2] + counts[:, 3] * bg_missing / jnp.sum(bg_equal) + 1

    fg, bg = fg / num_fg, bg / (num_bg + BINS**3)
    return (fg / (fg + bg))[colour]


def top(
    values: Float[Array, " n"], count: int
) -> tuple[Bool[Array, " n"], Bool[Array, " n"], Int[Array, ""]]:
    """Finds the `count` largest values, with ties.

    Returns:
      A mask of the values above the limit, a mask of the values at the limit, and the number of
      the latter that complete `count`.
    """
    limit = jnp.sort(values)[values.shape[0] - count]
    above = values > limit
    return above, values == limit, count - jnp.sum(above)


def colour_bins(image: Float[Array, "*b 3"]) -> Int[Array, "*b"]:
    """Returns the color of each pixel as a bin number, 0..999.

    Hue and saturation are a point in a disc; with the value they make three coordinates.

    Args:
      image: RGB in 0..1.
    """
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    value = jnp.max(image, axis=-1)
    chroma = value - jnp.min(image, axis=-1)
    safe = jnp.where(chroma == 0, 1.0, chroma)
    # The hue in sixths of a circle.
    sixth = jnp.where(
        red == value,
        (green - blue) / safe,
        jnp.where(green == value, (blue - red) / safe + 2, (red - green) / safe + 4),
    )

    saturation = chroma / (value + 1e-8)
    angle = sixth * jnp.pi / 3
    disc = [(saturation * axis(angle) + 1) / 2 for axis in (jnp.cos, jnp.sin)]
    # Round half up. Normalization and its inverse may leave 0..1 by a rounding error.
    nearest = [jnp.floor(coord * (BINS - 1) + 0.5).astype(jnp.int32) for coord in (*disc, value)]
    x, y, z = (jnp.clip(number, 0, BINS - 1) for number in nearest)
    return x + BINS * y + BINS**2 * z


def blur(image: Float[Array, "b h w"]) -> Float[Array, "b h w"]:
    """Applies a Gaussian blur, mirrored at the border.

    The kernel is a tenth of the shorter side, and sigma a third of the kernel. Each axis is one
    small matrix product, which is faster than a convolution with one channel.
    """
    height, width = image.shape[1:]
    size = int(0.1 * min(height, width)) // 2 * 2 + 1
    weights = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * (size / 3) ** 2))
    weights /= weights.sum()

    def matrix(length: int) -> Float[np.ndarray, "n n"]:
        mirrored = np.pad(np.eye(length), ((size // 2, size // 2), (0, 0)), mode="reflect")
        rows = (weight * mirrored[shift : shift + length] for shift, weight in enumerate(weights))
        return sum(rows, np.zeros((length, length))).astype(np.float32)

    # Full precision, because a GPU's TF32 would make unequal pixels equal.
    return jnp.einsum("yi,bij,xj->byx", matrix(height), image, matrix(width), precision="highest")
