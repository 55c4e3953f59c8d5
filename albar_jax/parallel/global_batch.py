"""What a device that computes the gradient of its own clips has to know of those of the other devices.

Outside of such a computation (`mesh.on_each_device`) the clips at hand are the whole batch, and nothing is exchanged.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def global_sum(own: Any) -> Any:
    """The sum over devices of each array of a tree."""
    return jax.lax.psum(own, _axes())


def global_moments(x: Float[Array, "... c"]) -> tuple[Float[Array, " c"], Float[Array, " c"], int]:
    """Mean and biased variance over all axes but the last, and over how many numbers, of the whole batch."""
    axes = tuple(range(x.ndim - 1))
    mean = jax.lax.pmean(x.mean(axes), _axes())
    variance = jax.lax.pmean(jnp.square(x - mean).mean(axes), _axes())
    return mean, variance, math.prod(x.shape[:-1]) * jax.lax.axis_size(_axes())


def draw_for_clips(draw: Callable[[int], Array], num_clips: int) -> Array:
    """What `draw` draws for so many clips: for those of all devices, of which each keeps its own.

    So a clip's chance does not depend on how many devices there are. What is drawn has the clips as first axis.
    """
    drawn = draw(num_clips * jax.lax.axis_size(_axes()))
    return jax.lax.dynamic_slice_in_dim(drawn, num_clips * jax.lax.axis_index(_axes()), num_clips)


def _axes() -> tuple[str, ...]:
    return jax.sharding.get_abstract_mesh().manual_axes
