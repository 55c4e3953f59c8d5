"""Temporal sensitivity: what becomes of the answers when the frames run backwards or in disorder.

A model that reads the order of the frames must change its mind about some of these clips; one that keeps all of its
answers never used the order. How many it should change depends on the classes, so neither way is better.
"""

import numpy as np

from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import Predictions

_KINDS = ("forward", "altered")


def stay_right(forwards: Predictions, altered: Predictions) -> float | None:
    """Of the clips named right forwards, the share that still are, in 0..1; None where none was."""
    pairs = pair(forwards, altered, kinds=_KINDS)
    right = (forwards.pred == forwards.labels)[pairs.first]
    still = (altered.pred == altered.labels)[pairs.second]
    return float(still[right].mean()) if right.any() else None


def same_answer(forwards: Predictions, altered: Predictions) -> float:
    """The share of clips that get the same answer, right or wrong, in 0..1."""
    pairs = pair(forwards, altered, kinds=_KINDS)
    return float(np.mean(forwards.pred[pairs.first] == altered.pred[pairs.second]))
