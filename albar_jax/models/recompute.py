"""Less memory for more time: what is computed again for the backward pass instead of being stored."""

from collections.abc import Callable

import jax
from jaxtyping import Array

# What is kept for the backward pass, beside the inputs.
SAVED = {
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


def recomputed(
    function: Callable, saved: Callable[..., bool] = SAVED["full"], **options
) -> Callable:
    """Has `jax.checkpoint` recompute a function for the backward pass.

    Twice, as the penalty differentiates twice: differentiation spends one checkpoint, and what the function computed in
    its first run, without it, would be stored for the second derivative.
    """
    return jax.checkpoint(
        jax.checkpoint(function, policy=saved, **options), policy=saved, **options
    )


def some_at_a_time(attend: Callable[..., Array], at_most: int) -> Callable[..., Array]:
    """`attend`, at most so many windows at a time, recomputed: all windows' scores are the largest arrays of a step.

    The windows are the first axis of all arguments and of the result. Each turn takes as many as the others: of seven
    windows, at most four at a time, one.
    """
    # XLA does not merge across the turns of a loop what is computed again; where one turn does, all is small.
    some = recomputed(attend, prevent_cse=False)

    def attend_to_all(*windows: Array | None) -> Array:
        count = len(windows[0])
        turns = next(n for n in range(-(-count // at_most), count + 1) if count % n == 0)
        parts = jax.tree.map(lambda array: array.reshape(turns, -1, *array.shape[1:]), windows)
        joined = jax.lax.map(lambda part: some(*part), parts)
        return joined.reshape(count, *joined.shape[2:])

    return attend_to_all
