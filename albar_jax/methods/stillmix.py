"""StillMix, in-batch form: half of a clip's evidence becomes a still of another video, its label stays.

Source: Li et al., "Mitigating and Evaluating Static Bias of Action Representations in the Background and the
Foreground" (ICCV 2023), as ALBAR's released code uses it: stills are random frames of the other clips of the batch,
without a reference network. That code re-orders the clips but not their labels; here every clip keeps its row.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from albar_jax.errors import UserError
from albar_jax.methods.base import Method
from albar_jax.types import Batch


def make(prob: float = 0.75, alpha: float = 200.0, beta: float = 200.0) -> Method:
    """Mixes clips with stills: video <- ratio * video + (1 - ratio) * still, ratio ~ Beta(alpha, beta) once a batch.

    Args:
      prob: probability that a clip is mixed, drawn for each clip. (0.75 is the published value for HMDB51)
      alpha: first parameter of the Beta distribution, > 0.
      beta: second parameter of the Beta distribution, > 0.

    Raises:
      UserError: if prob is not in 0..1, or alpha or beta not above 0.
    """
    if not 0 <= prob <= 1:
        raise UserError(f"stillmix.prob is {prob}; it is a probability, from 0 to 1")
    if alpha <= 0 or beta <= 0:
        raise UserError(f"stillmix.alpha is {alpha} and beta {beta}; both are more than 0")

    def mix(batch: Batch, key: Key[Array, ""]) -> Batch:
        k_ratio, k_pick, k_partner, k_frame = jax.random.split(key, 4)
        num_clips, num_frames = batch.video.shape[:2]
        if num_clips == 1:  # No other clip to take a still from.
            return batch
        rows = jnp.arange(num_clips)
        # Uniform over the *other* clips: a shift of 1..b-1, drawn for each clip.
        partner = (rows + jax.random.randint(k_partner, (num_clips,), 1, num_clips)) % num_clips
        frame = jax.random.randint(k_frame, (num_clips,), 0, num_frames)
        still = batch.video[partner, frame][:, None]
        ratio = jax.random.beta(k_ratio, alpha, beta).astype(batch.video.dtype)
        # An unreadable partner is a black clip, not a still.
        pick = jax.random.bernoulli(k_pick, prob, (num_clips,)) & (batch.valid[partner] > 0)
        mixed = ratio * batch.video + (1 - ratio) * still
        video = jnp.where(pick[:, None, None, None, None], mixed, batch.video)
        return dataclasses.replace(batch, video=video)

    return Method(transforms=(mix,))
