"""Initializes a new classification head as published code does."""

from typing import Literal

import jax
from jaxtyping import Array, Key

from albar_jax.types import Params

HeadInit = Literal["default", "torch", "i3d"]
I3D_SD = 0.01


def with_new_head(weights: Params, how: HeadInit, key: Key[Array, ""]) -> Params:
    """Returns the weights with a newly initialized head.

    Args:
      weights: weights of a network with a linear layer under "head".
      how: "torch" initializes like torch's Linear: kernel and bias uniform within
        1 / sqrt(features), standard deviation 0.021 for 768 features. "i3d" initializes like
        mmaction2's I3DHead: normal kernel of standard deviation 0.01, bias 0. "default" keeps the
        head: standard deviation 1 / sqrt(features), 0.036 for a Swin.
      key: random key.
    """
    if how == "default":
        return weights

    kernel = weights["head"]["kernel"]
    bias = weights["head"]["bias"]
    k_kernel, k_bias = jax.random.split(key)
    if how == "i3d":
        head = {
            "kernel": I3D_SD * jax.random.normal(k_kernel, kernel.shape, kernel.dtype),
            "bias": 0 * bias,
        }
    else:
        # torch's Linear has the same bound for kernel and bias.
        bound = kernel.shape[0] ** -0.5
        head = {
            "kernel": jax.random.uniform(k_kernel, kernel.shape, kernel.dtype, -bound, bound),
            "bias": jax.random.uniform(k_bias, bias.shape, bias.dtype, -bound, bound),
        }

    return weights | {"head": head}
