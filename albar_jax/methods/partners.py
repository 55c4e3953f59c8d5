"""Partners of clips, shared by the methods that mix a clip with another of its batch."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from albar_jax.types import Batch

# A clip needs another one as its partner.
MIN_CLIPS = 2


def other_clips(
    key: Key[Array, ""], valid: Float[Array, " b"]
) -> tuple[Int[Array, " b"], Bool[Array, " b"]]:
    """Draws another valid clip for each clip, uniformly.

    Published code permutes the batch instead. That leaves some clips with themselves and others
    with an unreadable video.

    Args:
      key: random key.
      valid: 1 for readable clips.

    Returns:
      The row of each clip's partner, and whether it has one. A clip without a partner gets its own
      row.
    """
    num_clips = valid.shape[0]
    rows = jnp.arange(num_clips)
    # Column j: whether the clip j + 1 rows further, with wrap-around, is valid.
    others = valid[(rows[:, None] + jnp.arange(1, num_clips)) % num_clips] > 0
    count = jnp.sum(others, axis=1)

    # The rank of the partner among the valid clips, from 1 to `count`.
    rank = jax.random.randint(key, (num_clips,), 1, count + 1)
    shift = jnp.sum(jnp.cumsum(others, axis=1) < rank[:, None], axis=1) + 1
    return (rows + shift) % num_clips, count > 0


def mix_labels(batch: Batch, partner: Int[Array, " b"], share: Float[Array, " b"]) -> Batch:
    """Mixes targets and scenes with the partner's.

    Args:
      batch: batch of clips.
      partner: row of each clip's partner.
      share: weight of the clip's own label, 0..1.
    """
    own = share[:, None]
    target = own * batch.target + (1 - own) * batch.target[partner]
    scene = batch.scene
    if scene is not None:
        scene = own * scene + (1 - own) * scene[partner]
    return dataclasses.replace(batch, target=target, scene=scene)


def paste(batch: Batch, partner: Int[Array, " b"], place: Bool[Array, "b h w"]) -> Batch:
    """Pastes pixels of each partner, frame by frame, with their person masks.

    Args:
      batch: batch of clips.
      partner: row of each clip's partner.
      place: True where a clip gets its partner's pixels.
    """
    place = place[:, None]
    video = jnp.where(place[..., None], batch.video[partner], batch.video)
    mask = batch.person_mask
    if mask is not None:
        mask = jnp.where(place, mask[partner], mask)
    return dataclasses.replace(batch, video=video, person_mask=mask)
