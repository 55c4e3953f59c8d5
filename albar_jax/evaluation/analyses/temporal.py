"""Measures the temporal sensitivity: how predictions change with the order of the frames.

The frames are reversed, shuffled, or replaced by the middle frame. A model that uses the order of
the frames must change some of its predictions. A model that keeps all of them never used the order.
The expected number of changes depends on the classes, so neither direction is better.
"""

import numpy as np

from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import ABSTAINED, Predictions

_KINDS = ("forward", "altered")


def stay_right(forwards: Predictions, altered: Predictions) -> float | None:
    """Returns the share of correct forward clips that are correct in altered order, too.

    Returns:
      0 to 1; None if no forward clip is correct.
    """
    pairs = pair(forwards, altered, kinds=_KINDS)
    # Rows of both arrays are pairs.
    forwards_correct = (forwards.pred == forwards.labels)[pairs.first]
    altered_correct = (altered.pred == altered.labels)[pairs.second]
    if not forwards_correct.any():
        return None
    return float(altered_correct[forwards_correct].mean())


def same_answer(forwards: Predictions, altered: Predictions) -> float:
    """Returns the share of clips with the same prediction in both orders, 0 to 1.

    Abstentions agree with nothing.
    """
    pairs = pair(forwards, altered, kinds=_KINDS)
    pred = forwards.pred[pairs.first]
    return float(np.mean((pred == altered.pred[pairs.second]) & (pred != ABSTAINED)))
