"""Chooses the clips that one model misses and another one classifies correctly."""

import numpy as np

from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import Predictions

# Name of the choice on the command line, in place of ids.
WRONG_TO_RIGHT = "wrong-to-right"


def wrong_to_right(first: Predictions, second: Predictions, count: int) -> tuple[str, ...]:
    """Returns the ids of clips that are wrong for the first model and right for the second.

    Clips of classes that are not chosen yet come first, then those with the largest gain in the
    probability of the label. Without probabilities, the order of the test set decides.

    Args:
      first: predictions of one model.
      second: predictions of the other model for the same clips.
      count: maximum number of clips.

    Raises:
      UserError: the models share no clip, or give a clip different labels.
    """
    pairs = pair(first, second, kinds=("first", "second"))
    labels = first.labels[pairs.first]
    is_wrong = first.pred[pairs.first] != labels
    is_right = second.pred[pairs.second] == labels
    candidates = np.flatnonzero(is_wrong & is_right)

    gain = np.zeros(len(labels))
    if first.probs is not None and second.probs is not None:
        # An abstention gives no probability to any class.
        before = np.nan_to_num(first.probs[pairs.first, labels])
        gain = np.nan_to_num(second.probs[pairs.second, labels]) - before
    # A stable sort keeps the order of the test set for equal gains.
    candidates = candidates[np.argsort(-gain[candidates], kind="stable")]

    chosen: list[int] = []
    while len(chosen) < min(count, len(candidates)):
        times = np.bincount(labels[chosen], minlength=labels.max() + 1)
        rest = [row for row in candidates.tolist() if row not in chosen]
        # `min` returns the first of equals, the clip with the largest gain.
        chosen.append(min(rest, key=lambda row: times[labels[row]]))
    return tuple(pairs.ids[row] for row in chosen)
