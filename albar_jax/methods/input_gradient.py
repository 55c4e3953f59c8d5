"""Computes the norm of the logits' gradient with respect to the clip. (ALBAR Eq. 4)

The penalty's parameter gradient is a second derivative. Let S(x) be the sum of a clip's logits, g_x
its gradient with respect to the clip, and v = dL/dnorm * g_x / ||g_x||. Then the parameter gradient
is d/dtheta <grad_x S, v>. Because second derivatives commute, it equals d/de grad_theta S(x + e v):
one forward-mode derivative, along v, of an ordinary backward pass.

The backward pass is linear in its cotangent c. The same derivative along (v, dL/dlogits), taken at
c = 1, therefore also adds the ordinary gradient of the logits. So one pass serves all static terms
of ALBAR.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from albar_jax.types import Params, Predict

Video = Float[Array, "b t h w 3"]
Norm = Callable[[Video], Float[Array, " b"]]
Memory = Literal["linearize", "two_pass"]

# Weights that `predict` closes over, as `jax.closure_convert` lists them.
Weights = list[Params]
Logits = Float[Array, "b k"]


def clip_norm(gradient: Video) -> Float[Array, " b"]:
    """Returns the L2 norm of each clip's gradient over time, space and color. (ALBAR Eq. 4)"""
    squares = jnp.sum(jnp.square(gradient), axis=(1, 2, 3, 4))
    # The derivative of sqrt at 0 is infinite, and its product with 0 is NaN. A network that ignores
    # its input has penalty 0 and gradient 0.
    nonzero = squares > 0
    return jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, squares, 1.0)), 0.0)


def column_norm(gradient: Video) -> Float[Array, " b"]:
    """Returns the mean over the W image columns of each column's L2 norm.

    This is the norm of the released train.py, about clip norm / sqrt(W).
    """
    return jnp.mean(jnp.sqrt(jnp.sum(jnp.square(gradient), axis=(1, 2, 4)) + 1e-12), axis=-1)


def plain_logits_and_input_gradient_norm(
    predict: Predict, video: Video, key: Key[Array, ""] | None, norm: Norm = clip_norm
) -> tuple[Logits, Float[Array, " b"]]:
    """Returns the same as `logits_and_input_gradient_norm`, differentiated reverse over reverse.

    Follows the equation literally; the reference for tests.
    """

    def summed_logits(video: Video) -> tuple[Array, Logits]:
        logits = predict(video, key).logits
        # A sum, not a mean: clips are independent, so this is each clip's own gradient. With batch
        # norm it is the gradient of all clips' logits, as in the released code.
        return jnp.sum(logits), logits

    gradient, logits = jax.grad(summed_logits, has_aux=True)(video)
    return logits, norm(gradient)


def logits_and_input_gradient_norm(
    predict: Predict,
    video: Video,
    key: Key[Array, ""] | None,
    norm: Norm = clip_norm,
    memory: Memory = "linearize",
) -> tuple[Logits, Float[Array, " b"]]:
    """Returns the logits, and the norm of the gradient of their sum with respect to each clip.

    Differentiable once, in reverse mode, with respect to the weights that `predict` closes over and
    to the video.

    Args:
      predict: network with its weights closed over.
      video: normalized clips.
      key: random key of dropout and stochastic depth, which are the same in all passes.
      norm: norm of each clip's gradient; differentiable.
      memory: schedule of the passes; the results are equal. "linearize" stores the linearized
        forward and backward pass, which makes three passes in all: forward, backward, and a
        derivative of both. "two_pass" stores only the direction of the norm's gradient and repeats
        the first two passes. It costs a third more FLOPs in the static clip, but no activations
        live between the passes. With full rematerialization, "linearize" needs as little memory.

    Returns:
      Logits (b, k) and norms (b,).
    """
    logits_of, weights = jax.closure_convert(lambda video: predict(video, key).logits, video)

    def forward(weights: Weights, video: Video) -> tuple[tuple[Logits, Array], Any]:
        gradients_at = functools.partial(_gradients, logits_of, weights)
        ones = _ones(logits_of, weights, video)
        if memory == "two_pass":
            (_, gradient), logits = gradients_at(video, ones)
            stored = (weights, video)
        else:
            (_, gradient), stored, logits = jax.linearize(gradients_at, video, ones, has_aux=True)

        norms, norm_pullback = jax.vjp(norm, gradient)
        return (logits, norms), (stored, norm_pullback)

    def backward(residuals: Any, cotangents: tuple[Logits, Array]) -> tuple[Weights, Video]:
        stored, norm_pullback = residuals
        of_logits, of_norms = cotangents
        direction = norm_pullback(of_norms)[0], of_logits
        if memory == "linearize":
            return stored(*direction)

        weights, video = stored
        gradients_at = functools.partial(_gradients_alone, logits_of, weights)
        point = (video, _ones(logits_of, weights, video))
        return jax.jvp(gradients_at, point, direction)[1]

    run = jax.custom_vjp(lambda weights, video: forward(weights, video)[0])
    run.defvjp(forward, backward)
    return run(weights, video)


def _gradients(
    logits_of: Callable, weights: Weights, video: Video, cotangent: Logits
) -> tuple[tuple[Weights, Video], Logits]:
    """Returns ((gradient of the weights, gradient of the video), logits) for a cotangent."""
    logits, pullback = jax.vjp(lambda weights, video: logits_of(video, *weights), weights, video)
    return pullback(cotangent), logits


def _gradients_alone(
    logits_of: Callable, weights: Weights, video: Video, cotangent: Logits
) -> tuple[Weights, Video]:
    return _gradients(logits_of, weights, video, cotangent)[0]


def _ones(logits_of: Callable, weights: Weights, video: Video) -> Logits:
    """Returns the cotangent of the sum of the logits."""
    logits = jax.eval_shape(logits_of, video, *weights)
    return jnp.ones(logits.shape, logits.dtype)
