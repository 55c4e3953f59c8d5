"""Collectives over the global batch, for code that runs on the local clips of one device.

Inside `mesh.on_each_device` each device sees only its local clips, and these functions exchange
data between devices. Outside of it the local clips are the whole batch, and nothing is exchanged.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def global_sum(tree: Any) -> Any:
    """Sums each array of a tree over devices."""
    return jax.lax.psum(tree, _axes())


def global_moments(x: Float[Array, "... c"]) -> tuple[Float[Array, " c"], Float[Array, " c"], int]:
    """Computes mean and variance of each channel over the global batch.

    Args:
      x: activations of the local clips, channels last.

    Returns:
      The mean (c,), the biased variance (c,), and the number of elements per channel.
    """
    axes = tuple(range(x.ndim - 1))
    mean = jax.lax.pmean(x.mean(axes), _axes())
    variance = jax.lax.pmean(jnp.square(x - mean).mean(axes), _axes())
    count = math.prod(x.shape[:-1]) * jax.lax.axis_size(_axes())

    return mean, variance, count


def draw_for_clips(draw: Callable[[int], Array], num_clips: int) -> Array:
    """Draws random numbers for the global batch and returns this device's slice.

    So results do not depend on the device count.

    Args:
      draw: returns random numbers, given the number of clips, the first axis of the result.
      num_clips: number of local clips.
    """
    drawn = draw(num_clips * jax.lax.axis_size(_axes()))
    start = num_clips * jax.lax.axis_index(_axes())

    return jax.lax.dynamic_slice_in_dim(drawn, start, num_clips)


def _axes() -> tuple[str, ...]:
    return jax.sharding.get_abstract_mesh().manual_axes
