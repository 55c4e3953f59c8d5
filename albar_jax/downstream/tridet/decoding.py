"""The Trident decoding: boundaries as expectations over relative positions."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from albar_jax.downstream.tridet.network import TridetOutputs


def decode(outputs: TridetOutputs, bins: int) -> Float[Array, "b p c 2"]:
    """Returns the distances of both boundaries from each point, per class, in strides of its level.

    The start of class c at point i has the logits S[c, i - B + j] + O[i, j], j = 0..B; its distance
    is the expectation of B - j. Neighbours beyond a level or in padding have the logit 0, far above
    the usual -4.6, so the distances grow at the ends. This is as in the original.

    Args:
      outputs: outputs of the network; the gaps between levels have at least B positions.
      bins: B, the reach of a boundary.
    """
    size = outputs.starts.shape[1]
    starts = jnp.pad(outputs.starts, ((0, 0), (bins, 0), (0, 0)))
    ends = jnp.pad(outputs.ends, ((0, 0), (0, bins), (0, 0)))
    # (b, p, B + 1, c): the neighbours of each point, from the left to the right.
    before = jnp.stack([starts[:, j : j + size] for j in range(bins + 1)], axis=2)
    after = jnp.stack([ends[:, j : j + size] for j in range(bins + 1)], axis=2)

    # The first half of the offsets belongs to the starts.
    left_offsets, right_offsets = jnp.split(outputs.offsets[..., None], 2, axis=2)
    # (B + 1, 1): the same distances for all classes.
    distance = jnp.arange(bins + 1, dtype=before.dtype)[:, None]
    left = jnp.sum(jax.nn.softmax(before + left_offsets, axis=2) * (bins - distance), axis=2)
    right = jnp.sum(jax.nn.softmax(after + right_offsets, axis=2) * distance, axis=2)

    return jnp.stack([left, right], axis=-1)
