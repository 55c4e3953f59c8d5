"""Decides whether a right answer on a still is a shortcut, or no more than a guess.

Among 8 classes, a still whose class has a probability of 14 % is right by little more than chance.
A right answer is a shortcut only if its probability is at least twice chance, 2 / K. With two
classes twice chance would be certainty, so the threshold is half-way between chance and 1.
"""

import numpy as np

from albar_jax.evaluation.predictions import Predictions

# A shortcut has at least this many times the probability of chance.
_TIMES_CHANCE = 2


def threshold(num_classes: int) -> float:
    """Returns the smallest probability of a shortcut, above 0 and at most 1.

    Args:
      num_classes: K, at least 1.
    """
    chance = 1 / num_classes
    return min(_TIMES_CHANCE * chance, (chance + 1) / 2)


def is_shortcut(predictions: Predictions) -> np.ndarray:
    """Returns whether each still is right with a margin, bool (N,).

    Without probabilities, every right answer counts.
    """
    is_right = predictions.pred == predictions.labels
    if predictions.probs is None:
        return is_right

    num_classes = predictions.num_choices()
    prob_of_label = predictions.probs[np.arange(len(predictions)), predictions.labels]
    # Probabilities are float32, so a threshold of float64 would exclude exact ties.
    return is_right & (prob_of_label >= np.float32(threshold(num_classes)))
