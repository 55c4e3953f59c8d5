"""The norm of the gradient of the logits with respect to the clip, and how it is differentiated. (ALBAR Eq. 4)

The penalty's gradient with respect to the parameters is a second derivative. With S(x) the sum of a clip's logits and
v = dL/dnorm * g_x / ||g_x||, it is d/dtheta <grad_x S, v>, and because second derivatives commute it equals
d/de grad_theta S(x + e v): one forward-mode derivative, along v, of an ordinary backward pass. The same linear map of
(v, c), at c = 1, turns the cotangent of the logits into their gradient. So one pass serves all of ALBAR's static terms.
"""

import functools
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from albar_jax.types import Params, Predict

Video = Float[Array, "b t h w 3"]
Norm = Callable[[Video], Float[Array, " b"]]
Memory = Literal["linearize", "two_pass"]


def clip_norm(gradient: Video) -> Float[Array, " b"]:
    """L2 norm of each clip's gradient over time, space and colour. (ALBAR Eq. 4)"""
    squares = jnp.sum(jnp.square(gradient), axis=(1, 2, 3, 4))
    # The norm's own gradient at 0 is NaN: a model that ignores its input has penalty 0 and gradient 0.
    nonzero = squares > 0
    return jnp.where(nonzero, jnp.sqrt(jnp.where(nonzero, squares, 1.0)), 0.0)


def column_norm(gradient: Video) -> Float[Array, " b"]:
    """Mean over the image columns of each column's L2 norm, as in the released train.py: about clip norm / sqrt(W)."""
    return jnp.mean(jnp.sqrt(jnp.sum(jnp.square(gradient), axis=(1, 2, 4)) + 1e-12), axis=-1)


def plain_logits_and_input_gradient_norm(
    predict: Predict, video: Video, key: Key[Array, ""] | None, norm: Norm = clip_norm
) -> tuple[Float[Array, "b k"], Float[Array, " b"]]:
    """What `logits_and_input_gradient_norm` computes, as it is written down: its gradient is reverse over reverse."""

    def summed_logits(video: Video) -> tuple[Array, Array]:
        logits = predict(video, key).logits
        # Sum, not mean: this is each clip's own gradient, as clips are independent of each other. (Not so with batch
        # normalisation, where it is, as in the released code, that of the logits of all clips.)
        return jnp.sum(logits), logits

    gradient, logits = jax.grad(summed_logits, has_aux=True)(video)
    return logits, norm(gradient)


def logits_and_input_gradient_norm(
    predict: Predict,
    video: Video,
    key: Key[Array, ""] | None,
    norm: Norm = clip_norm,
    memory: Memory = "linearize",
) -> tuple[Float[Array, "b k"], Float[Array, " b"]]:
    """Logits, and for each clip the norm of the gradient of their sum with respect to the normalised clip.

    Differentiable once, in reverse, with respect to whatever `predict` closes over and to the video.

    Args:
      predict: the model.
      video: normalised clips.
      key: of dropout and stochastic depth, which are the same in all passes.
      norm: of each clip's gradient; differentiable.
      memory: "linearize" keeps what the forward pass has linearised for the backward pass, which makes three passes in
        all (one, a backward pass and a derivative of both). "two_pass" keeps the norm's direction alone and repeats the two
        first, for a third more FLOPs, so that activations live only within the backward pass.
    """
    logits_of, weights = jax.closure_convert(lambda video: predict(video, key).logits, video)

    def pull(
        weights: list[Params], video: Video, cotangent: Array
    ) -> tuple[tuple[list[Params], Video], Array]:
        logits, pullback = jax.vjp(
            lambda weights, video: logits_of(video, *weights), weights, video
        )
        return pullback(cotangent), logits

    def ones(weights: list[Params], video: Video) -> Array:
        logits = jax.eval_shape(logits_of, video, *weights)
        return jnp.ones(logits.shape, logits.dtype)

    def forward(weights: list[Params], video: Video):
        at = functools.partial(pull, weights)
        if memory == "two_pass":
            (_, gradient), logits = at(video, ones(weights, video))
            kept = weights, video
        else:
            (_, gradient), kept, logits = jax.linearize(
                at, video, ones(weights, video), has_aux=True
            )
        norms, norm_pullback = jax.vjp(norm, gradient)
        return (logits, norms), (kept, norm_pullback)

    def backward(residuals, cotangents) -> tuple[list[Params], Video]:
        kept, norm_pullback = residuals
        of_logits, of_norms = cotangents
        along = norm_pullback(of_norms)[0], of_logits
        if memory == "linearize":
            return kept(*along)
        weights, video = kept
        at = lambda video, cotangent: pull(weights, video, cotangent)[0]  # noqa: E731
        return jax.jvp(at, (video, ones(weights, video)), along)[1]

    run = jax.custom_vjp(lambda weights, video: forward(weights, video)[0])
    run.defvjp(forward, backward)
    return run(weights, video)
