"""Applies the transforms of methods in tests."""

import functools

import jax


def mixer(make, **defaults):
    """Returns a function of (batch, seed) that applies the one transform of a method.

    The function takes the options of the method, and compiles the transform once for each choice.

    Args:
      make: makes the method.
      **defaults: options in place of those of the method.
    """

    @functools.cache
    def compiled(**options):
        (transform,) = make(**options).transforms
        return jax.jit(transform)

    def mix(batch, seed=0, **options):
        return compiled(**(defaults | options))(batch, jax.random.key(seed))

    return mix
