"""Computes the norm of the logits' gradient with respect to the clip. (ALBAR Eq. 4)

The penalty's parameter gradient is a second derivative. Let S(x) = <c, logits(x)> for a direction c
in the space of the logits, which is all ones in the paper. Let g_x be the gradient of S with
respect to the clip, and v = dL/dnorm * g_x / ||g_x||. Then the parameter gradient is
d/dtheta <grad_x S, v>. Because second derivatives commute, it equals d/de grad_theta S(x + e v):
one forward-mode derivative, along v, of an ordinary backward pass.

The backward pass is linear in its cotangent. The same derivative along (v, dL/dlogits), taken at
the cotangent c, therefore also adds the ordinary gradient of the logits. So one pass serves all
static terms of ALBAR, in every direction.

A direction is a constant: no derivative goes through it, even where it depends on the logits. So
the penalty acts on the gradient, and cannot be lowered by a shorter direction.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from albar_jax.methods.penalty_directions import Direction, Logits, sum_of_logits
from albar_jax.types import Params, Predict

Video = Float[Array, "b t h w 3"]
Norm = Callable[[Video], Float[Array, " b"]]
Memory = Literal["linearize", "two_pass"]

# Weights that `predict` closes over, as `jax.closure_convert` lists them.
Weights = list[Params]


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


def length_free(norm: Norm, num_frames: int) -> Norm:
    """Returns a norm that does not depend on the number of frames of a static clip.

    All frames of a static clip are one image, and the sum of their gradients is the gradient with
    respect to this image. Divided by sqrt(`num_frames`), its norm equals the norm of a static clip
    of `num_frames` frames that all have the same gradient.

    Args:
      norm: norm of the gradient of a whole clip.
      num_frames: number of frames of the clip that the static clip stands for.
    """

    def norm_of_image(gradient: Video) -> Float[Array, " b"]:
        return norm(jnp.sum(gradient, axis=1, keepdims=True) / math.sqrt(num_frames))

    return norm_of_image


def plain_logits_and_input_gradient_norm(
    predict: Predict,
    video: Video,
    key: Key[Array, ""] | None,
    norm: Norm = clip_norm,
    direction: Direction = sum_of_logits,
) -> tuple[Logits, Float[Array, " b"]]:
    """Returns the same as `logits_and_input_gradient_norm`, differentiated reverse over reverse.

    Follows the equation literally; the reference for tests.
    """

    def summed_logits(video: Video) -> tuple[Array, Logits]:
        logits = predict(video, key).logits
        # A sum, not a mean: clips are independent, so this is each clip's own gradient. With batch
        # norm it is the gradient of all clips' logits, as in the released code.
        return jnp.sum(jax.lax.stop_gradient(direction(logits)) * logits), logits

    gradient, logits = jax.grad(summed_logits, has_aux=True)(video)
    return logits, norm(gradient)


def logits_and_input_gradient_norm(
    predict: Predict,
    video: Video,
    key: Key[Array, ""] | None,
    norm: Norm = clip_norm,
    memory: Memory = "linearize",
    direction: Direction = sum_of_logits,
) -> tuple[Logits, Float[Array, " b"]]:
    """Returns the logits, and the norm of their gradient along a direction for each clip.

    The default direction is the paper's, the gradient of the sum of the logits. Differentiable
    once, in reverse mode, with respect to the weights that `predict` closes over and to the video.

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
      direction: maps the logits to the direction in their space; a constant for derivatives.

    Returns:
      Logits (b, k) and norms (b,).
    """
    logits_of, weights = jax.closure_convert(lambda video: predict(video, key).logits, video)

    def forward(weights: Weights, video: Video) -> tuple[tuple[Logits, Array], Any]:
        gradients_at = functools.partial(_gradients, logits_of, direction, weights)
        if memory == "two_pass":
            (_, gradient), (logits, cotangent) = gradients_at(video)
            stored = (weights, video, cotangent)
        else:
            # The change of the cotangent is 0, and the derivative along it adds the gradient of
            # the logits.
            zeros = jnp.zeros_like(jax.eval_shape(logits_of, video, *weights))
            (_, gradient), stored, (logits, _) = jax.linearize(
                gradients_at, video, zeros, has_aux=True
            )

        norms, norm_pullback = jax.vjp(norm, gradient)
        return (logits, norms), (stored, norm_pullback)

    def backward(residuals: Any, cotangents: tuple[Logits, Array]) -> tuple[Weights, Video]:
        stored, norm_pullback = residuals
        of_logits, of_norms = cotangents
        change = norm_pullback(of_norms)[0], of_logits
        if memory == "linearize":
            return stored(*change)

        weights, video, cotangent = stored
        gradients_at = functools.partial(_gradients_along, logits_of, weights)
        return jax.jvp(gradients_at, (video, cotangent), change)[1]

    run = jax.custom_vjp(lambda weights, video: forward(weights, video)[0])
    run.defvjp(forward, backward)
    return run(weights, video)


def _gradients(
    logits_of: Callable,
    direction: Direction,
    weights: Weights,
    video: Video,
    change: Logits | float = 0.0,
) -> tuple[tuple[Weights, Video], tuple[Logits, Logits]]:
    """Returns the gradients along a direction, the logits and the direction.

    Args:
      logits_of: network, called with (video, *weights).
      direction: maps the logits to the direction.
      weights: weights of the network.
      video: normalized clips.
      change: is added to the direction.

    Returns:
      ((gradient of the weights, gradient of the video), (logits, direction)).
    """
    logits, pullback = jax.vjp(lambda weights, video: logits_of(video, *weights), weights, video)
    cotangent = jax.lax.stop_gradient(direction(logits))

    return pullback(cotangent + change), (logits, cotangent)


def _gradients_along(
    logits_of: Callable, weights: Weights, video: Video, cotangent: Logits
) -> tuple[Weights, Video]:
    """Returns (gradient of the weights, gradient of the video) for a cotangent."""
    _, pullback = jax.vjp(lambda weights, video: logits_of(video, *weights), weights, video)
    return pullback(cotangent)
