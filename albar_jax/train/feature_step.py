"""Builds the jitted step that computes the pooled features of clips."""

from collections.abc import Callable

import jax
from jax.sharding import Mesh
from jaxtyping import Array, Float32, UInt8

from albar_jax.methods.pixels import normalise
from albar_jax.parallel.mesh import replicated, split_batch
from albar_jax.types import Apply, Params

FeatureStep = Callable[[Params, UInt8[Array, "b t h w 3"]], Float32[Array, "b d"]]


def make_feature_step(apply: Apply, mesh: Mesh) -> FeatureStep:
    """Returns the jitted step, in evaluation mode.

    Args:
      apply: network, called with (weights, video, key).
      mesh: devices over which batches are split.

    Returns:
      A function of (weights, clips), uint8 (b, t, h, w, 3) split over the mesh, that returns the
      inputs of the classification head, float32 (b, d), replicated on every device.
    """

    def step(params: Params, clips: UInt8[Array, "b t h w 3"]) -> Float32[Array, "b d"]:
        return apply(params, normalise(clips), None).features

    replicate = replicated(mesh)
    return jax.jit(step, in_shardings=(replicate, split_batch(mesh)), out_shardings=replicate)
