"""Computes integrated gradients of a score with respect to a clip. (arXiv 1703.01365)

The attribution of pixel i is (x_i - x'_i) times the mean of dF/dx_i over the straight line from a
baseline x' to the clip x. Attributions sum to F(x) - F(x'): they are complete. A quadrature rule
with n points makes a small error, which is returned.
"""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from albar_jax.errors import UserError

# Default number of points, as in captum.
STEPS = 50
# Largest number of points of `gauss_legendre`: it needs the eigenvalues of a matrix of this size.
MOST_GAUSS = 1000
# Default number of points whose gradients are computed at once.
CHUNK = 8

# Normalised clips -> the score of each. A clip's score must not depend on the other clips.
Score = Callable[[Float[Array, "b t h w 3"]], Float[Array, " b"]]
Clip = Float[Array, "t h w 3"]
# Points in 0..1 and their weights, which sum to 1; both float64 (n,).
Quadrature = tuple[np.ndarray, np.ndarray]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Attribution:
    """The attributions of one clip.

    Attributes:
      values: signed attribution of each pixel and colour, in units of the score.
      difference: score of the clip minus score of the baseline.
      completeness_error: sum of `values` minus `difference`, divided by |difference|. 0 if both are
        equal, infinite if only `difference` is 0.
    """

    values: Clip
    difference: Float[Array, ""]
    completeness_error: Float[Array, ""]


def gauss_legendre(steps: int) -> Quadrature:
    """Returns the Gauss-Legendre rule on 0..1: exact for polynomials of degree 2 n - 1."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return (points + 1) / 2, weights / 2


def midpoint(steps: int) -> Quadrature:
    """Returns the centres of n equal parts of 0..1."""
    return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)


RULES: dict[str, Callable[[int], Quadrature]] = {
    "gauss_legendre": gauss_legendre,
    "midpoint": midpoint,
}
# Rules of other libraries whose weights do not sum to 1, or which do not converge to the integral.
_BIASED = {
    "riemann_trapezoid": "captum's weights sum to 1 - 1/n",
    "trapezoid": "captum's weights sum to 1 - 1/n",
    "saliency": "the scheme of the saliency package counts both ends in full",
}


def quadrature(rule: str, steps: int) -> Quadrature:
    """Returns the points and weights of a rule.

    Args:
      rule: a name in `RULES`.
      steps: number of points n, at least 1; at most `MOST_GAUSS` for `gauss_legendre`.

    Raises:
      UserError: there is no such rule, or the number of points is out of range.
    """
    if steps < 1:
        raise UserError(f"the number of steps is {steps}; give at least 1")
    if rule not in RULES:
        reason = f", {_BIASED[rule]}" if rule in _BIASED else ""
        raise UserError(
            f"{rule!r} is not a rule of integrated gradients{reason}; choose {' or '.join(RULES)}"
        )
    if rule == "gauss_legendre" and steps > MOST_GAUSS:
        raise UserError(
            f"the number of steps is {steps}, and gauss_legendre has at most {MOST_GAUSS}; choose "
            "midpoint for more"
        )
    return RULES[rule](steps)


def integrated_gradients(
    score: Score,
    clip: Clip,
    baseline: Clip,
    *,
    steps: int = STEPS,
    rule: str = "gauss_legendre",
    chunk: int = CHUNK,
) -> Attribution:
    """Computes the integrated gradients of a score from a baseline to a clip.

    A pure function; call it inside `jax.jit`. Memory is bounded by the gradients of `chunk` clips,
    whatever the number of steps. A pixel that is equal in clip and baseline gets exactly 0.

    Args:
      score: score of each clip of a batch, in evaluation mode.
      clip: normalised clip.
      baseline: clip of the same shape, normalised in the same way.
      steps: number of points on the line.
      rule: a name in `RULES`.
      chunk: largest number of points at once, at least 1.

    Raises:
      UserError: there is no such rule, or no point.
    """
    line = clip - baseline

    def add_gradients(total: Clip, chunk_of_points: tuple[Array, Array]) -> tuple[Clip, None]:
        points, weights = chunk_of_points
        clips = baseline + points[:, None, None, None, None] * line
        # The sum over independent clips has the gradient of each clip's own score.
        gradients = jax.grad(lambda video: score(video).sum())(clips)
        return total + jnp.einsum("n,nthwc->thwc", weights, gradients), None

    chunks = _in_chunks(quadrature(rule, steps), chunk)
    mean_gradient, _ = jax.lax.scan(add_gradients, jnp.zeros_like(clip), chunks)
    values = line * mean_gradient

    # One clip at a time, so that `chunk=1` needs the memory of a single clip.
    ends = jax.lax.map(lambda video: score(video[None])[0], jnp.stack([clip, baseline]))
    difference = ends[0] - ends[1]
    return Attribution(values, difference, relative_gap(values.sum(), difference))


def relative_gap(total: Float[Array, ""], difference: Float[Array, ""]) -> Float[Array, ""]:
    """Returns (total - difference) / |difference|; 0 if both are equal."""
    gap = total - difference
    return jnp.where(gap == 0, 0.0, gap / jnp.abs(difference))


def _in_chunks(rule: Quadrature, chunk: int) -> tuple[Array, Array]:
    """Returns points and weights as float32 (chunks, size), with size at most `chunk`.

    The last chunk is padded with points of weight 0. Chunks have almost equal sizes, so there are
    fewer padded points than chunks.
    """
    points, weights = rule
    num_chunks = math.ceil(len(points) / max(chunk, 1))
    size = math.ceil(len(points) / num_chunks)
    padding = (0, num_chunks * size - len(points))

    # Padding repeats the last point, because every network can be differentiated there.
    points = np.pad(points, padding, mode="edge").reshape(num_chunks, size)
    weights = np.pad(weights, padding).reshape(num_chunks, size)
    return jnp.asarray(points, jnp.float32), jnp.asarray(weights, jnp.float32)
