"""Layers that several networks use: linear layers, layer norm and dropout."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from albar_jax.models.config import VideoSwinConfig
from albar_jax.parallel.global_batch import draw_for_clips

LAYER_NORM_EPSILON = 1e-5


class JoinedLinear(nnx.Linear):
    """A linear layer that joins all axes of its input except the last.

    A kernel's gradient sums over the other axes. If there are several, XLA:CPU copies the input.
    """

    def __call__(self, x: Float[Array, "*n c"]) -> Float[Array, "*n d"]:
        """Applies the layer to the last axis."""
        return super().__call__(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)


def linear(
    config: VideoSwinConfig, inputs: int, outputs: int, rngs: nnx.Rngs, **options
) -> nnx.Linear:
    """Returns a linear layer that multiplies in the compute dtype.

    Args:
      config: architecture of the network.
      inputs: number of input channels.
      outputs: number of output channels.
      rngs: random keys; their values do not matter, because `create` draws the parameters.
      **options: options of `nnx.Linear` that replace the defaults.
    """
    layer = JoinedLinear if config.for_cpu else nnx.Linear
    options = {"dtype": config.dtype, "param_dtype": config.exact_dtype} | options
    return layer(inputs, outputs, rngs=rngs, **options)


def layer_norm(config: VideoSwinConfig, width: int, rngs: nnx.Rngs, **options) -> nnx.LayerNorm:
    """Returns a layer norm with torch's epsilon.

    It computes in float32 at least and returns the compute dtype.

    Args:
      config: architecture of the network.
      width: number of channels.
      rngs: random keys; their values do not matter.
      **options: options of `nnx.LayerNorm` that replace the defaults.
    """
    options = {"dtype": config.dtype, "param_dtype": config.exact_dtype} | options
    return nnx.LayerNorm(
        width, epsilon=LAYER_NORM_EPSILON, use_fast_variance=False, rngs=rngs, **options
    )


def fold(key: Key[Array, ""] | None, number: int) -> Key[Array, ""] | None:
    """Returns a random key for a part of a network; None, which selects evaluation, stays None.

    Args:
      key: random key of the network.
      number: number of the part, unique among the parts that share the key.
    """
    if key is None:
        return None
    return jax.random.fold_in(key, number)


def drop(
    x: Float[Array, "b ..."], rate: float, key: Key[Array, ""] | None, *, per_clip: bool
) -> Float[Array, "b ..."]:
    """Applies dropout, or stochastic depth to whole clips.

    Args:
      x: activations of a batch.
      rate: probability of a zero, from 0 to below 1. The rest is scaled by 1 / (1 - rate), which
        keeps the expectation.
      key: random key; None returns x unchanged.
      per_clip: whether to zero whole clips instead of single entries.
    """
    if key is None or rate == 0:
        return x

    shape = (1,) * (x.ndim - 1) if per_clip else x.shape[1:]
    is_kept = draw_for_clips(lambda n: jax.random.bernoulli(key, 1 - rate, (n, *shape)), x.shape[0])
    return jnp.where(is_kept, x / (1 - rate), 0)
