"""Defines the scores whose attributions are computed: functions of the logits and a class."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from albar_jax.attribution.integrated import Score
from albar_jax.errors import UserError
from albar_jax.types import Apply, Params

Logits = Float[Array, "b k"]
# Number of a class, or of each clip's class.
Target = Int[Array, ""] | Int[Array, " b"] | int


def logit(logits: Logits, target: Target) -> Float[Array, " b"]:
    """Returns the logit of a class."""
    return _pick(logits, target)


def log_probability(logits: Logits, target: Target) -> Float[Array, " b"]:
    """Returns the log-probability of a class, at most 0."""
    return _pick(jax.nn.log_softmax(logits), target)


def centred_logit(logits: Logits, target: Target) -> Float[Array, " b"]:
    """Returns the logit of a class minus the mean logit.

    A constant that a network adds to all its logits does not change its predictions. It does not
    change this score either, so scores of several networks can be compared.
    """
    return _pick(logits, target) - logits.mean(1)


def probability(logits: Logits, target: Target) -> Float[Array, " b"]:
    """Returns the probability of a class. Attributions of all classes sum to 0."""
    return _pick(jax.nn.softmax(logits), target)


def _pick(values: Logits, target: Target) -> Float[Array, " b"]:
    classes = jnp.broadcast_to(jnp.asarray(target), values.shape[:1])
    return jnp.take_along_axis(values, classes[:, None], axis=1)[:, 0]


SCORES: dict[str, Callable[[Logits, Target], Float[Array, " b"]]] = {
    "logit": logit,
    "log_probability": log_probability,
    "centred_logit": centred_logit,
    "probability": probability,
}


def class_score(apply: Apply, params: Params, target: Target, name: str) -> Score:
    """Returns the score of a class as a function of normalised clips, in evaluation mode.

    Args:
      apply: network.
      params: its weights.
      target: number of the class; see `check_target`.
      name: a name in `SCORES`.

    Raises:
      UserError: there is no such score.
    """
    check_score(name)
    return lambda video: SCORES[name](apply(params, video, None).logits, target)


def check_score(name: str) -> None:
    """Raises UserError for a score that does not exist."""
    if name not in SCORES:
        raise UserError(f"there is no score {name!r}; choose from {', '.join(SCORES)}")


def check_target(target: int, num_classes: int) -> None:
    """Raises UserError for a class that does not exist; JAX would take the last one instead."""
    if not 0 <= target < num_classes:
        raise UserError(
            f"the class {target} is not one of the {num_classes} classes; give 0 to "
            f"{num_classes - 1}"
        )
