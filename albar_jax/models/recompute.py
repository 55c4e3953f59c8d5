"""Rematerialization: recomputes activations in the backward pass instead of storing them."""

from collections.abc import Callable

import jax
from flax import nnx
from jaxtyping import Array

# Checkpoint policies: the activations that are stored in addition to the inputs of a block.
SAVED = {
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


def recomputed(
    function: Callable, saved: Callable[..., bool] = SAVED["full"], **options
) -> Callable:
    """Wraps a function in `jax.checkpoint` so that its activations are recomputed.

    ALBAR's penalty differentiates twice, and each differentiation removes one checkpoint. Two
    nested checkpoints keep the second derivative from storing the activations of the first run.

    Args:
      function: pure function of arrays.
      saved: checkpoint policy, a value of `SAVED`; stores nothing but the inputs by default.
      **options: further options of `jax.checkpoint`.
    """
    once = jax.checkpoint(function, policy=saved, **options)
    return jax.checkpoint(once, policy=saved, **options)


def call_recomputed(
    module: nnx.Module, remat: str, *inputs: Array | None, **options: int | None
) -> Array:
    """Calls a module under a remat policy.

    Args:
      module: module of one network.
      remat: "none", or a key of `SAVED`.
      *inputs: arguments of the module.
      **options: arguments that are compiled into the program.
    """
    if remat == "none":
        return module(*inputs, **options)

    # `nnx.remat` fails under a gradient within a gradient, which the penalty takes.
    graph, params = nnx.split(module)
    run = recomputed(
        lambda params, *inputs: nnx.merge(graph, params)(*inputs, **options), SAVED[remat]
    )
    return run(params, *inputs)


def in_chunks(attend: Callable[..., Array], at_most: int) -> Callable[..., Array]:
    """Applies `attend` to chunks of at most `at_most` windows under rematerialization.

    The scores of all windows at once would be the largest arrays of a step. All chunks have the
    same size, the largest divisor of the window count that is at most `at_most`: 7 windows with
    `at_most=4` run one at a time.

    Args:
      attend: function of each window by itself; windows are the first axis of all arguments and
        of the result.
      at_most: maximum number of windows in a chunk, at least 1.
    """
    # Within a loop, XLA cannot merge the recomputation with the forward pass, so the barriers that
    # prevent it are not needed. A loop of one iteration is small anyway.
    attend_to_chunk = recomputed(attend, prevent_cse=False)

    def attend_to_all(tokens: Array, *others: Array | None) -> Array:
        num_windows = len(tokens)
        fewest = -(-num_windows // at_most)
        num_chunks = next(n for n in range(fewest, num_windows + 1) if num_windows % n == 0)

        chunks = jax.tree.map(lambda x: x.reshape(num_chunks, -1, *x.shape[1:]), (tokens, *others))
        results = jax.lax.map(lambda chunk: attend_to_chunk(*chunk), chunks)
        return results.reshape(num_windows, *results.shape[2:])

    return attend_to_all
