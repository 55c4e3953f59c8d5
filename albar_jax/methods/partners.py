"""What methods share that mix a clip with another of its batch: whom with, and what becomes of pixels and labels."""

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
    """For each clip another one, uniform over the valid ones, and whether there is any; a clip without gets itself.

    Published code permutes the batch, which leaves some clips with themselves and others with an unreadable video.
    """
    num_clips = valid.shape[0]
    rows = jnp.arange(num_clips)
    # Column j: is the clip valid that stands j + 1 rows further, round the batch?
    others = valid[(rows[:, None] + jnp.arange(1, num_clips)) % num_clips] > 0
    count = jnp.sum(others, axis=1)
    number = jax.random.randint(
        key, (num_clips,), 1, count + 1
    )  # The how manieth of the valid ones.
    shift = jnp.sum(jnp.cumsum(others, axis=1) < number[:, None], axis=1) + 1
    return (rows + shift) % num_clips, count > 0


def mix_labels(batch: Batch, partner: Int[Array, " b"], share: Float[Array, " b"]) -> Batch:
    """Labels and scenes of which `share`, 0..1, is the clip's own and the rest its partner's."""
    own = share[:, None]
    target = own * batch.target + (1 - own) * batch.target[partner]
    scene = None if batch.scene is None else own * batch.scene + (1 - own) * batch.scene[partner]
    return dataclasses.replace(batch, target=target, scene=scene)


def paste(batch: Batch, partner: Int[Array, " b"], place: Bool[Array, "b h w"]) -> Batch:
    """Puts each partner's pixels, frame by frame, where `place` says so, and with them the masks of its persons."""
    place = place[:, None]
    video = jnp.where(place[..., None], batch.video[partner], batch.video)
    mask = (
        None
        if batch.person_mask is None
        else jnp.where(place, batch.person_mask[partner], batch.person_mask)
    )
    return dataclasses.replace(batch, video=video, person_mask=mask)
