"""Layers of TriDet: convolutions and pooling over time, channels last."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

NORM_EPSILON = 1e-5

Sequences = Float[Array, "b t c"]
Mask = Bool[Array, "b t 1"]


class Conv(nnx.Module):
    """A convolution over time, padded with zeros to the same length.

    The taps are joined for one matrix product, because XLA:CPU differentiates long 1-D
    convolutions slowly.
    """

    def __init__(self, size: int, inputs: int, outputs: int, *, bias: bool = True):
        self.size = size
        self.kernel = nnx.Param(jnp.zeros((size, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, x: Sequences) -> Float[Array, "b t d"]:
        """Convolves x; channels are mixed."""
        outputs = self.kernel.shape[-1]
        taps = jnp.concatenate(shifted(x, self.size), axis=-1)
        y = taps @ self.kernel[...].reshape(-1, outputs)

        return y if self.bias is None else y + self.bias[...]


class DepthwiseConv(nnx.Module):
    """A convolution of each channel by itself, padded with zeros to the same length."""

    def __init__(self, size: int, width: int):
        self.size = size
        self.kernel = nnx.Param(jnp.zeros((size, 1, width)))
        self.bias = nnx.Param(jnp.zeros(width))

    def __call__(self, x: Sequences) -> Sequences:
        """Convolves x; channels are not mixed."""
        y = self.bias[...]
        for tap, moved in enumerate(shifted(x, self.size)):
            y = y + moved * self.kernel[tap]

        return y


class Scale(nnx.Module):
    """A learnt factor: one number, or one per channel."""

    def __init__(self, *shape: int):
        self.scale = nnx.Param(jnp.ones(shape))

    def __call__(self, x: Sequences) -> Sequences:
        """Multiplies x by the factor."""
        return x * self.scale[...]


def layer_norm(width: int) -> nnx.LayerNorm:
    """Returns a layer norm over channels with torch's epsilon."""
    return nnx.LayerNorm(width, epsilon=NORM_EPSILON, use_fast_variance=False, rngs=nnx.Rngs(0))


def group_norm(width: int, groups: int) -> nnx.GroupNorm:
    """Returns a group norm over time and the channels of a group with torch's epsilon."""
    return nnx.GroupNorm(
        width, groups, epsilon=NORM_EPSILON, use_fast_variance=False, rngs=nnx.Rngs(0)
    )


def shifted(x: Sequences, size: int) -> list[Sequences]:
    """Returns the inputs of each tap of a centred filter of an odd size."""
    reach = size // 2
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
    return [padded[:, tap : tap + x.shape[1]] for tap in range(size)]


def max_pool(x: Float[Array, "b t c"]) -> Float[Array, "b t2 c"]:
    """Pools windows of 3 with stride 2; equal values send the gradient to the first, as in torch.

    Args:
      x: sequences of an even length.
    """
    padded = jnp.pad(x, ((0, 0), (1, 0), (0, 0)), constant_values=-jnp.inf)
    first, second, third = padded[:, :-1:2], padded[:, 1::2], padded[:, 2::2]

    # `jnp.maximum` would split the gradient of equal values, which padding has many of.
    larger = jnp.where(second > first, second, first)
    return jnp.where(third > larger, third, larger)
