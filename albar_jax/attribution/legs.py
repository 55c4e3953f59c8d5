"""Splits a score into appearance and motion: two legs, black -> static -> clip.

The static clip is one frame of the clip, repeated. Appearance is the score of the static clip minus
the score of a black clip. Motion is the score of the clip minus the score of the static clip. They
sum to the score of the clip minus the score of the black clip.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from albar_jax.attribution.baselines import Clip, Color, baseline
from albar_jax.attribution.integrated import Attribution, Score, integrated_gradients


class Legs(NamedTuple):
    """The attributions of both legs; each is complete on its own."""

    appearance: Attribution
    motion: Attribution


class Split(NamedTuple):
    """The scores of a clip, and what appearance and motion add to the score of a black clip.

    Attributes:
      black: score of the black clip.
      appearance: score of the static clip minus score of the black clip.
      motion: score of the clip minus score of the static clip.
    """

    black: Float[Array, ""]
    appearance: Float[Array, ""]
    motion: Float[Array, ""]


def legs(score: Score, clip: Clip, *, black: Color, frame: int | None = None, **options) -> Legs:
    """Computes the integrated gradients of both legs.

    Args:
      score: score of each clip of a batch.
      clip: normalised clip of at least two frames.
      black: normalised value of a black pixel.
      frame: number of the repeated frame; by default the middle one.
      **options: `steps`, `rule` and `chunk` of `integrated_gradients`.

    Raises:
      UserError: the clip has a single frame, or there is no such frame or rule.
    """
    still = baseline("static", clip, black=black, frame=frame)
    dark = baseline("black", clip, black=black)

    # A loop, so that the network is compiled once for both legs.
    ends = jnp.stack([still, clip]), jnp.stack([dark, still])
    both = jax.lax.map(lambda leg: integrated_gradients(score, *leg, **options), ends)
    return Legs(*(jax.tree.map(lambda array, i=i: array[i], both) for i in range(2)))


def split(score: Score, clip: Clip, *, black: Color, frame: int | None = None) -> Split:
    """Computes the sums of both legs, exactly, from three forward passes.

    Args:
      score: score of each clip of a batch.
      clip: normalised clip of at least two frames.
      black: normalised value of a black pixel.
      frame: number of the repeated frame; by default the middle one.

    Raises:
      UserError: the clip has a single frame, or there is no such frame.
    """
    parts = split_batch(score, clip[None], black=black, frame=frame)
    return Split(*(part[0] for part in parts))


def split_batch(
    score: Score, video: Float[Array, "b t h w 3"], *, black: Color, frame: int | None = None
) -> Split:
    """Computes what `split` computes, for each clip of a batch; its entries are (b,)."""

    def of_each(name: str) -> Float[Array, "b t h w 3"]:
        return jax.vmap(lambda clip: baseline(name, clip, black=black, frame=frame))(video)

    # A loop, so that the network is compiled once and has the activations of one batch in memory.
    ends = jnp.stack([of_each("black"), of_each("static"), video])
    of_black, of_static, of_clip = jax.lax.map(score, ends)
    return Split(of_black, of_static - of_black, of_clip - of_static)
