"""Patch embedding and patch merging of the Video Swin. (arXiv 2106.13230, Sec. 3.1)"""

import math

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from albar_jax.models import windows
from albar_jax.models.config import VideoSwinConfig
from albar_jax.models.layers import layer_norm, linear


class PatchEmbed(nnx.Module):
    """Cuts a video into patches and projects each to a token."""

    def __init__(self, config: VideoSwinConfig, rngs: nnx.Rngs):
        self.patch = config.patch_size
        # Patches do not overlap, so the convolution is one matrix product, which is faster on CPU.
        self.proj = linear(config, 3 * math.prod(self.patch), config.embed_dim, rngs)
        self.norm = layer_norm(config, config.embed_dim, rngs)

    def __call__(self, video: Float[Array, "b t h w 3"]) -> Float[Array, "b t2 h2 w2 c"]:
        """Returns the tokens; pads the video with zeros to whole patches."""
        size = windows.to_size(video.shape[1:4])
        video = jnp.pad(video, windows.padding(size, self.patch))
        pt, ph, pw = self.patch
        b, frames, rows, columns, _ = video.shape
        t, h, w = frames // pt, rows // ph, columns // pw

        # Columns are taken by strides: an array that ends in (w, pw, 3) needs 30 times its size on
        # a TPU, because the last two axes are padded to tiles.
        strided = jnp.concatenate([video[:, :, :, i::pw] for i in range(pw)], axis=-1)
        patches = strided.reshape(b, t, pt, h, ph, w, pw * 3).transpose(0, 1, 3, 5, 2, 4, 6)

        return self.norm(self.proj(patches.reshape(b, t, h, w, -1)))


class PatchMerge(nnx.Module):
    """Merges 2 x 2 neighboring tokens into one of twice the width."""

    def __init__(self, config: VideoSwinConfig, stage: int, rngs: nnx.Rngs):
        width = config.width(stage)
        self.norm = layer_norm(config, 4 * width, rngs)
        self.reduction = linear(config, 4 * width, 2 * width, rngs, use_bias=False)

    def __call__(self, x: Float[Array, "b t h w c"]) -> Float[Array, "b t h2 w2 c2"]:
        """Returns the merged tokens; pads with zeros to an even height and width."""
        size = windows.to_size(x.shape[1:4])
        x = jnp.pad(x, windows.padding(size, (1, 2, 2)))
        b, t, h, w, c = x.shape

        # The reference orders the neighbors as (h0 w0, h1 w0, h0 w1, h1 w1): height is the inner
        # axis of each 2 x 2 square.
        x = x.reshape(b, t, h // 2, 2, w // 2, 2, c).transpose(0, 1, 2, 4, 5, 3, 6)
        return self.reduction(self.norm(x.reshape(b, t, h // 2, w // 2, 4 * c)))
