"""Builds the jitted step that predicts clips together with their motionless copies."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, UInt8

from albar_jax.methods.pixels import normalise
from albar_jax.methods.static_clips import static_clip
from albar_jax.parallel.mesh import replicated, split_batch
from albar_jax.types import Apply, Params


class MotionLogits(NamedTuple):
    """Logits for one batch of clips.

    Attributes:
      moving: logits of the clips, float32 (b, k).
      still: logits of their motionless copies, float32 (b, k).
    """

    moving: Float[Array, "b k"]
    still: Float[Array, "b k"]


MotionStep = Callable[[Params, UInt8[Array, "b t h w 3"]], MotionLogits]


def make_motion_step(apply: Apply, mesh: Mesh, frame: int) -> MotionStep:
    """Returns the jitted step, in evaluation mode.

    Args:
      apply: network, called with (weights, video, key).
      mesh: devices over which batches are split.
      frame: number of the frame that a motionless copy repeats.

    Returns:
      A function of (weights, clips), uint8 (b, t, h, w, 3) split over the mesh, that returns the
      logits, replicated on every device.
    """

    def step(params: Params, clips: UInt8[Array, "b t h w 3"]) -> MotionLogits:
        gathered = jax.lax.with_sharding_constraint(params, replicated(mesh))
        num_clips, num_frames = clips.shape[:2]
        stills = static_clip(clips, jnp.full(num_clips, frame), num_frames)

        def logits(video: UInt8[Array, "b t h w 3"]) -> Float[Array, "b k"]:
            return apply(gathered, normalise(video), None).logits

        # A loop, so that the network is compiled once and only one pass is in memory.
        moving, still = jax.lax.map(logits, jnp.stack([clips, stills]))
        return MotionLogits(moving, still)

    return jax.jit(step, in_shardings=(None, split_batch(mesh)), out_shardings=replicated(mesh))
