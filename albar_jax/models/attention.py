"""Shifted-window attention with relative position bias. (arXiv 2106.13230, Sec. 3.2)"""

import functools
import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from albar_jax.models import recompute, windows
from albar_jax.models.config import VideoSwinConfig
from albar_jax.models.folding import Axis, folded_bias
from albar_jax.models.layers import linear

# Heads of all windows in a chunk when attention is rematerialized: little memory, but enough work
# to fill a device.
HEADS_PER_CHUNK = 24

Tokens = Float[Array, "b t h w c"]
Scores = Float[Array, "*n v v"]
Values = Float[Array, "*n v d"]


def divide_first(scores: Scores, values: Values) -> Values:
    """Returns softmax(scores) @ values."""
    return jax.nn.softmax(scores).astype(values.dtype) @ values


def divide_last(scores: Scores, values: Values) -> Values:
    """Returns softmax(scores) @ values, divided by the softmax's sum after the product.

    XLA:CPU then divides v x d entries instead of v x v.
    """
    # The maximum cancels out in the quotient, so its gradient is not needed.
    largest = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True))
    weights = jnp.exp(scores - largest)
    weighted_sum = weights.astype(values.dtype) @ values
    total = jnp.sum(weights, axis=-1, keepdims=True)
    return (weighted_sum / total).astype(values.dtype)


class Attention(nnx.Module):
    """Multi-head attention within windows, which every second block shifts by half a window."""

    def __init__(self, config: VideoSwinConfig, stage: int, shifted: bool, rngs: nnx.Rngs):
        width = config.width(stage)
        self.heads = config.num_heads[stage]
        self.config = config
        self.shifted = shifted
        self.qkv = linear(config, width, 3 * width, rngs)
        self.proj = linear(config, width, width, rngs)

        # One row for each offset between two tokens of a window.
        num_offsets = math.prod(2 * w - 1 for w in config.window_size)
        self.position_bias = nnx.Param(jnp.zeros((num_offsets, self.heads), config.exact_dtype))

    def __call__(self, x: Tokens, still_length: int | None = None) -> Tokens:
        """Returns the attended tokens.

        Pads with zeros to whole windows. Tokens attend to padding as to any other token, like in
        the reference.

        Args:
          x: tokens of clips.
          still_length: temporal tokens of a longer still that x attends like; see `folding`. None
            for x itself.
        """
        size = windows.to_size(x.shape[1:4])
        if still_length is None:
            window, shift = windows.fit(size, self.config.window_size, self.shifted)
            bias = self.bias(window)
        else:
            window, shift, bias = self.folded(size, still_length)

        x = jnp.pad(x, windows.padding(size, window))
        padded = windows.to_size(x.shape[1:4])

        region = None
        if any(shift):
            x = jnp.roll(x, [-s for s in shift], (1, 2, 3))
            region = jnp.asarray(windows.regions(padded, window, shift))[:, None, None]

        attend = functools.partial(self.attend, bias)
        if self.config.remat != "none":
            attend = recompute.in_chunks(attend, at_most=max(1, HEADS_PER_CHUNK // self.heads))
        x = windows.join(attend(windows.split(x, window), region), padded, window)

        # Undo the shift, then remove the padding.
        if any(shift):
            x = jnp.roll(x, shift, (1, 2, 3))
        return x[:, : size[0], : size[1], : size[2]]

    def attend(
        self,
        bias: Float[Array, "heads v v"],
        x: Float[Array, "windows b v c"],
        region: Int[Array, "windows 1 1 v"] | None,
    ) -> Float[Array, "windows b v c"]:
        """Returns the attention within each window.

        Args:
          bias: bias of the score of each pair of tokens.
          x: tokens of each window.
          region: region of each token; tokens attend only within their region. None is one region.
        """
        # (windows, b, v, 3 * c) to 3 arrays (windows, b, heads, v, c / heads).
        qkv = self.qkv(x).reshape(*x.shape[:-1], 3, self.heads, -1)
        q, k, v = qkv.transpose(3, 0, 1, 4, 2, 5)

        # The softmax needs scores in float32 at least, also if the compute dtype is bfloat16.
        scaled = q * q.shape[-1] ** -0.5
        scores = jnp.matmul(scaled, k.mT, preferred_element_type=self.config.exact_dtype) + bias
        if region is not None:
            is_apart = region[..., None] != region[..., None, :]
            scores = scores + jnp.where(is_apart, windows.MASKED_SCORE, 0.0)

        softmax_times = divide_last if self.config.for_cpu else divide_first
        heads = softmax_times(scores, v)
        return self.proj(heads.swapaxes(2, 3).reshape(x.shape))

    def bias(self, window: windows.Size) -> Float[Array, "heads v v"]:
        """Returns the learned bias of each pair of tokens of a window."""
        index = windows.relative_index(self.config.window_size, window)
        return self.position_bias[...].T[:, index]

    def folded(
        self, size: windows.Size, still_length: int
    ) -> tuple[windows.Size, windows.Size, Float[Array, "heads w w"]]:
        """Returns window, shift and bias with which a short still attends like a long one.

        Args:
          size: tokens of the short still along time, height and width.
          still_length: temporal tokens of the long still.
        """
        length, *area = size
        long_size = windows.to_size((still_length, *area))
        window, shift = windows.fit(long_size, self.config.window_size, self.shifted)
        axis = Axis(still_length, window[0], shift[0])
        bias = folded_bias(self.bias(window), axis, length)

        # All times of the short still are in one window, which is not shifted along time.
        return (length + axis.has_padding, *window[1:]), (0, *shift[1:]), bias
