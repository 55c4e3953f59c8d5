"""Sets the highest precision of matrix products and convolutions, on every device."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def at_highest_precision(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Returns a function whose matrix products and convolutions are computed in full float32.

    By default a GPU computes them in TF32 and a TPU in bfloat16. Attributions would then miss the
    differences of scores by several percent. Wrap the function before `jax.jit` traces it.
    """

    @functools.wraps(function)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with jax.default_matmul_precision("highest"):
            return function(*args, **kwargs)

    return wrapped
