"""Measures whether the probabilities of a model are as large as its accuracy.

Clips for which the model abstained have no probabilities and do not count.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation.predictions import Predictions

# Number of equal bins of the confidence, as in Guo et al., On Calibration of Modern Neural Networks
# (ICML 2017). Bin i holds confidences above i / 15, up to and including (i + 1) / 15.
NUM_BINS = 15
# As float32, like the probabilities, so that 1/3 is on the edge of a bin in both.
_EDGES = np.linspace(0, 1, NUM_BINS + 1).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class Reliability:
    """Accuracy and confidence by bin of the confidence, the probability of the predicted class.

    Attributes:
      clips: int64 (15,), number of clips in each bin.
      confidence: float64 (15,), mean confidence, 0 to 1; NaN without a clip.
      accuracy: float64 (15,), share of correct clips, 0 to 1; NaN without a clip.
    """

    clips: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: mean gap of accuracy and confidence over clips."""
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float((gaps * self.clips).sum() / self.clips.sum())


def reliability(runs: Sequence[Predictions]) -> Reliability | None:
    """Bins the clips of all runs together.

    Returns:
      The bins; None if a run has no probabilities, or if no clip has an answer.
    """
    confidences, hits = [], []
    for predictions in runs:
        if predictions.probs is None:
            return None
        answered = ~predictions.abstained
        confidences.append(predictions.probs[answered].max(axis=1, initial=0))
        hits.append((predictions.pred == predictions.labels)[answered])

    confidence = np.concatenate(confidences)
    if not len(confidence):
        return None
    # Rounded probabilities may exceed 1 by a little.
    place = np.clip(np.searchsorted(_EDGES, confidence, side="left") - 1, 0, NUM_BINS - 1)
    clips = np.bincount(place, minlength=NUM_BINS)
    sums = np.bincount(place, weights=confidence.astype(np.float64), minlength=NUM_BINS)
    num_hits = np.bincount(place, weights=np.concatenate(hits), minlength=NUM_BINS)

    divisor = np.where(clips > 0, clips, np.nan)
    return Reliability(clips, sums / divisor, num_hits / divisor)


def brier(predictions: Predictions) -> float | None:
    """Returns the Brier score: the mean over clips of the sum over classes of (p - y)^2.

    y is 1 for the true class and 0 for all others. (Brier, Monthly Weather Review 1950)

    Returns:
      0 to 2, lower is better; None without probabilities, or if no clip has an answer.
    """
    if predictions.probs is None or predictions.abstained.all():
        return None

    answered = ~predictions.abstained
    probs = predictions.probs[answered].astype(np.float64)
    # sum (p - y)^2 = sum p^2 - 2 p_label + 1
    squares = np.einsum("nk,nk->n", probs, probs)
    prob_of_label = probs[np.arange(len(probs)), predictions.labels[answered]]
    return float((squares - 2 * prob_of_label + 1).mean())
