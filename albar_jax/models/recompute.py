"""Less memory for more time: what is computed again for the backward pass instead of being stored."""

from collections.abc import Callable

import jax
from jaxtyping import Array

# What is kept for the backward pass, beside the inputs.
SAVED = {
    "blocks": jax.checkpoint_policies.nothing_saveable,
    "matrices": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


def recomputed(function: Callable, saved: Callable[..., bool] = SAVED["blocks"], **options) -> Callable:
    """Has `jax.checkpoint` recompute a function for the backward pass.

    Twice, as the penalty differentiates twice: differentiation spends one checkpoint, and what the function computed in
    its first run, without it, would be stored for the second derivative.
    """
    return jax.checkpoint(jax.checkpoint(function, policy=saved, **options), policy=saved, **options)


def one_by_one(attend: Callable[..., Array]) -> Callable[..., Array]:
    """`attend`, one window after the other, recomputed: the scores of all windows are the largest arrays of a step."""
    one = recomputed(attend, prevent_cse=False)  # a loop keeps recomputation from being merged away
    return lambda *windows: jax.lax.map(lambda window: one(*window), windows)
