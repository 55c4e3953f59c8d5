"""Layers of MGFN with PyTorch's conventions: convolutions over time, and norms.

Activations are (n, t, c): n crops of videos, t rows of features, c channels.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

EPSILON = 1e-5
# Weight of the newest batch in the running mean and variance.
BATCH_NORM_MOMENTUM = 0.1

Rows = Float[Array, "n t c"]
# 1 for the rows of a video, 0 for its padding. None if there is no padding.
Valid = Float[Array, "n t 1"] | None


def zeroed(x: Rows, valid: Valid) -> Rows:
    """Returns x with zeros in the padding, as a convolution reads beyond the end of a video."""
    return x if valid is None else x * valid


class Conv(nnx.Module):
    """A convolution over time of an odd number of taps, with a bias, that keeps the length."""

    def __init__(self, taps: int, inputs: int, outputs: int):
        self.kernel = nnx.Param(jnp.zeros((taps, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Rows, valid: Valid) -> Float[Array, "n t d"]:
        """Convolves x, whose padding counts as zeros."""
        taps = self.kernel[...].shape[0]
        y = jax.lax.conv_general_dilated(
            zeroed(x, valid),
            self.kernel[...],
            (1,),
            [(taps // 2, taps // 2)],
            dimension_numbers=("NWC", "WIO", "NWC"),
        )
        return y + self.bias[...]


class SharedFilter(nnx.Module):
    """A filter over time for each head, which all channels of the head share."""

    def __init__(self, taps: int, heads: int):
        # The axis of 1 is torch's: a depthwise convolution has one input channel per group.
        self.kernel = nnx.Param(jnp.zeros((taps, 1, heads)))
        self.bias = nnx.Param(jnp.zeros(heads))

    def __call__(self, x: Float[Array, "n t c heads"]) -> Float[Array, "n t c heads"]:
        """Filters x along time; the sum over taps is faster than a depthwise convolution."""
        kernel = self.kernel[...]
        taps, length = kernel.shape[0], x.shape[1]
        padded = jnp.pad(x, ((0, 0), (taps // 2, taps // 2), (0, 0), (0, 0)))

        total = self.bias[...]
        for tap in range(taps):
            total = total + padded[:, tap : tap + length] * kernel[tap]
        return total


class Linear(nnx.Module):
    """A linear layer over channels: torch's convolution of one tap."""

    def __init__(self, inputs: int, outputs: int, *, use_bias: bool = True):
        self.kernel = nnx.Param(jnp.zeros((inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if use_bias else None

    def __call__(self, x: Float[Array, "*n c"]) -> Float[Array, "*n d"]:
        """Applies the layer to the last axis."""
        y = x @ self.kernel[...]
        return y if self.bias is None else y + self.bias[...]


class ChannelNorm(nnx.Module):
    """A layer norm over channels, whose epsilon is added to the standard deviation.

    The original has no gradient where all channels are equal, because the slope of the root is
    infinite there. Ours is finite, and equal everywhere else.
    """

    def __init__(self, width: int):
        self.scale = nnx.Param(jnp.ones(width))
        self.bias = nnx.Param(jnp.zeros(width))

    def __call__(self, x: Rows) -> Rows:
        """Normalises each row."""
        centred = x - x.mean(-1, keepdims=True)
        variance = jnp.square(centred).mean(-1, keepdims=True)
        # The inner choice keeps the infinite slope out of the gradient.
        is_flat = variance == 0
        deviation = jnp.where(is_flat, 0.0, jnp.sqrt(jnp.where(is_flat, 1.0, variance)))

        return centred / (deviation + EPSILON) * self.scale[...] + self.bias[...]


class BatchNorm(nnx.Module):
    """A batch norm with torch's statistics.

    The biased variance normalises the batch, while the running variance averages unbiased ones.
    """

    def __init__(self, width: int):
        self.scale = nnx.Param(jnp.ones(width))
        self.bias = nnx.Param(jnp.zeros(width))
        self.mean = nnx.BatchStat(jnp.zeros(width))
        self.var = nnx.BatchStat(jnp.ones(width))

    def __call__(self, x: Rows, *, training: bool) -> Rows:
        """Normalises x by the batch and updates the running statistics, or normalises by them."""
        mean, variance = self.mean[...], self.var[...]
        if training:
            mean = x.mean((0, 1))
            variance = jnp.square(x - mean).mean((0, 1))
            count = x.shape[0] * x.shape[1]
            self._update(self.mean, mean)
            self._update(self.var, variance * (count / max(count - 1, 1)))

        scale = jax.lax.rsqrt(variance + EPSILON) * self.scale[...]
        return (x - mean) * scale + self.bias[...]

    @staticmethod
    def _update(running: nnx.BatchStat, newest: Float[Array, " c"]) -> None:
        # No loss may differentiate through the running statistics.
        newest = jax.lax.stop_gradient(newest)
        running.set_value((1 - BATCH_NORM_MOMENTUM) * running[...] + BATCH_NORM_MOMENTUM * newest)
