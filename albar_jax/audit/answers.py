"""Checks the answers of a model, and averages the answers to several views of a video."""

import collections
from collections.abc import Sequence

import numpy as np

from albar_jax.audit.models.base import Answer
from albar_jax.errors import UserError

# Half precision and exported networks round. The sum over 400 classes is then off by this much.
_SUM_TOLERANCE = 0.02


class AnswerCheck:
    """Checks that the answers of a model can be answers.

    Args:
      name: name of the model for messages.
      num_classes: number of its classes.
    """

    def __init__(self, name: str, num_classes: int):
        self._name = name
        self._num_classes = num_classes
        self._kind: type | None = None

    def is_valid(self, answer: Answer) -> bool:
        """Returns whether the model can have given an answer."""
        return not self._fault(answer)

    def check(self, answer: Answer, clip: str) -> None:
        """Checks an answer.

        Args:
          answer: the answer.
          clip: path of the clip for the message.

        Raises:
          UserError: the model cannot have given the answer, or answers in two ways.
        """
        fault = self._fault(answer)
        if fault:
            raise UserError(f"the answer of {self._name} to {clip} {fault}")
        if answer is None:
            return

        kind = int if isinstance(answer, int) else np.ndarray
        self._kind = self._kind or kind
        if kind is not self._kind:
            raise UserError(
                f"{self._name} answers some clips with probabilities and others, {clip} first, "
                "with a class; answer all in the same way"
            )

    def _fault(self, answer: Answer) -> str:
        """Returns what is wrong with an answer; "" if nothing is."""
        if answer is None:
            return ""
        if isinstance(answer, int):
            if 0 <= answer < self._num_classes:
                return ""
            return f"is {answer}, which is not a class from 0 to {self._num_classes - 1}"

        if answer.shape != (self._num_classes,):
            return (
                f"has shape {answer.shape} for {self._num_classes} classes; name the model's "
                "classes with ?classes=FILE, one per line"
            )
        if np.isnan(answer).any():
            return (
                "has NaN instead of probabilities; the network may have overflowed: correct its "
                "weights, or choose another precision, as in ?dtype=float32"
            )
        is_distribution = (answer >= 0).all() and abs(answer.sum() - 1) <= _SUM_TOLERANCE
        if is_distribution:
            return ""
        return (
            f"is not numbers in 0..1 that sum to 1 (minimum {answer.min():.4g}, sum "
            f"{answer.sum():.4g}); return softmax outputs, not logits"
        )


def mean_answer(answers: Sequence[Answer]) -> Answer:
    """Returns the answer to a video, given the answers to its views.

    Probabilities are averaged. Of class numbers, the most frequent one is taken; of equally
    frequent ones, the smallest. Abstentions do not count. None if there are no other answers.
    """
    given = [answer for answer in answers if answer is not None]
    if not given:
        return None
    classes = [answer for answer in given if isinstance(answer, int)]
    if classes:
        counts = collections.Counter(classes)
        return min(counts, key=lambda number: (-counts[number], number))

    mean = np.zeros(np.shape(given[0]), np.float32)
    for probs in given:
        mean += probs / len(given)
    return mean
