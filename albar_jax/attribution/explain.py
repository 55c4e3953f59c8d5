"""Compiles the attributions of a network once, and computes them for any clip and class."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from albar_jax.attribution.baselines import Clip, Color, baseline, check_baseline
from albar_jax.attribution.class_map import class_activation
from albar_jax.attribution.integrated import (
    CHUNK,
    STEPS,
    Attribution,
    integrated_gradients,
    quadrature,
)
from albar_jax.attribution.legs import Legs, Split, legs, split
from albar_jax.attribution.precision import at_highest_precision
from albar_jax.attribution.scores import check_score, check_target, class_score
from albar_jax.errors import UserError
from albar_jax.types import Apply, Params, Tokens

# Largest completeness error, relative to the difference, that needs no warning.
TOLERANCE = 0.05
# Largest completeness error in units of the score that needs no warning. If a clip and its baseline
# have almost the same score, float32 makes a large relative error.
NEGLIGIBLE = 1e-4


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of integrated gradients.

    Attributes:
      steps: number of points on the line from the baseline to the clip.
      rule: a name in `integrated.RULES`.
      score: a name in `scores.SCORES`.
      chunk: largest number of points at once; memory grows with it.

    Raises:
      UserError: there is no such rule or score, or the numbers are out of range.
    """

    steps: int = STEPS
    rule: str = "gauss_legendre"
    score: str = "logit"
    chunk: int = CHUNK

    def __post_init__(self):
        quadrature(self.rule, self.steps)
        check_score(self.score)
        if self.chunk < 1:
            raise UserError(f"the number of points at once is {self.chunk}; give at least 1")


DEFAULT = Options()


class Explainer:
    """The attributions of one network, in evaluation mode and at the highest matmul precision.

    Each kind is compiled at its first use. Clips are normalised float32 (t, h, w, 3), all of one
    shape. Results are numpy arrays.

    Args:
      apply: network; it should compute in float32.
      params: its weights.
      num_classes: number of its classes.
      black: normalised value of a black pixel.
      tokens: final tokens of the network; see `models.final_tokens`.
      options: the options of integrated gradients.

    Attributes:
      params: the weights.
      options: the options of integrated gradients.
    """

    def __init__(
        self,
        apply: Apply,
        params: Params,
        num_classes: int,
        *,
        black: Color,
        tokens: Tokens,
        options: Options = DEFAULT,
    ):
        self.options = options
        self.params = params
        self._num_classes = num_classes
        quality = {"steps": options.steps, "rule": options.rule, "chunk": options.chunk}

        def score_of(params: Params, target: Array):
            return class_score(apply, params, target, options.score)

        # The weights and the class are arguments, so one program serves all clips and classes.
        self._logits = _compiled(lambda params, clip: apply(params, clip[None], None).logits[0])
        self._integrated = _compiled(
            lambda params, clip, target, name, frame: integrated_gradients(
                score_of(params, target),
                clip,
                baseline(name, clip, black=black, frame=frame),
                **quality,
            ),
            static=("name", "frame"),
        )
        self._legs = _compiled(
            lambda params, clip, target, frame: legs(
                score_of(params, target), clip, black=black, frame=frame, **quality
            ),
            static=("frame",),
        )
        self._split = _compiled(
            lambda params, clip, target, frame: split(
                score_of(params, target), clip, black=black, frame=frame
            ),
            static=("frame",),
        )
        self._class_map = _compiled(
            lambda params, clip, target: class_activation(
                tokens(params, clip[None])[0], params["head"]["kernel"], target
            )
        )

    def logits(self, clip: Clip) -> np.ndarray:
        """Returns the logits of a clip, float32 (k,)."""
        return jax.device_get(self._logits(self.params, clip))

    def attribution(
        self, clip: Clip, target: int, name: str, frame: int | None = None
    ) -> Attribution:
        """Returns the integrated gradients of a class from a baseline of the clip.

        Args:
          clip: normalised clip.
          target: number of the class.
          name: a name in `baselines.BASELINES`.
          frame: number of the frame that `static` repeats; by default the middle one.

        Raises:
          UserError: there is no such class, baseline or frame.
        """
        check_target(target, self._num_classes)
        check_baseline(name, len(clip), frame)
        return jax.device_get(self._integrated(self.params, clip, target, name, frame))

    def legs(self, clip: Clip, target: int, frame: int | None = None) -> Legs:
        """Returns the integrated gradients of both legs, black -> static -> clip.

        Raises:
          UserError: there is no such class or frame, or the clip has a single frame.
        """
        self._check(clip, target, frame)
        return jax.device_get(self._legs(self.params, clip, target, frame))

    def split(self, clip: Clip, target: int, frame: int | None = None) -> Split:
        """Returns the sums of both legs, from three forward passes; raises what `legs` raises."""
        self._check(clip, target, frame)
        return jax.device_get(self._split(self.params, clip, target, frame))

    def class_map(self, clip: Clip, target: int) -> np.ndarray:
        """Returns the class-activation map, float32 (t', h', w'); see `class_activation`.

        It explains the logit, whatever the score of the options.

        Raises:
          UserError: there is no such class.
        """
        check_target(target, self._num_classes)
        return jax.device_get(self._class_map(self.params, clip, target))

    def _check(self, clip: Clip, target: int, frame: int | None) -> None:
        check_target(target, self._num_classes)
        check_baseline("static", len(clip), frame)


def _compiled(function: Callable[..., Any], static: Sequence[str] = ()) -> Callable[..., Any]:
    return jax.jit(at_highest_precision(function), static_argnames=static)


def warning(attribution: Attribution, options: Options) -> str | None:
    """Returns a sentence about an attribution that is not complete enough; None if it is.

    Args:
      attribution: the attribution.
      options: the options that it was computed with.
    """
    error = float(attribution.completeness_error)
    gap = abs(error * float(attribution.difference))
    # The gap is not a number if the error is infinite, which is a warning, too.
    if abs(error) <= TOLERANCE or gap <= NEGLIGIBLE:
        return None
    return (
        f"the attributions miss the difference of the scores by {error:+.1%} with "
        f"{options.steps} steps; try {2 * options.steps} steps"
    )
