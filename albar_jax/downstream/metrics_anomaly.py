"""Computes areas under curves for scores of frames (numpy only).

Both areas are by trapezoid, as MGFN reports them. The area under the precision-recall curve is not
average precision, which other programs report.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from albar_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Area:
    """An area under a curve.

    Attributes:
      value: the area, 0 to 1; None if it is undefined.
      reason: why it is undefined, "" otherwise.
    """

    value: float | None
    reason: str = ""


# (anomalous frames, all frames) above each score -> heights and places of the points of a curve.
_Curve = Callable[
    [Int[np.ndarray, " m"], Int[np.ndarray, " m"]],
    tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]],
]


def roc_auc(truth: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> Area:
    """Returns the area under the ROC curve.

    It is the probability that an anomalous frame has a higher score than a normal one; equal scores
    count half.

    Args:
      truth: 0 or 1 for each frame.
      scores: a higher score means that the frame is more likely anomalous.

    Raises:
      UserError: the lengths differ, or a score is not a finite number.
    """
    return _area(truth, scores, _roc)


def pr_auc(truth: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> Area:
    """Returns the area under the precision-recall curve, which begins at recall 0, precision 1.

    Arguments and errors are the same as in `roc_auc`.
    """
    return _area(truth, scores, _precision_recall)


def _area(truth: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"], curve: _Curve) -> Area:
    """Returns the area under a curve, or why it is undefined."""
    _check(truth, scores)
    if reason := _undefined(truth):
        return Area(None, reason)

    heights, places = curve(*_counts(truth, scores))
    return Area(float(np.sum(np.diff(places) * (heights[1:] + heights[:-1]) / 2)))


def _roc(
    hits: Int[np.ndarray, " m"], chosen: Int[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Returns recall and the share of false alarms from 0 on; see `_counts`."""
    misses = chosen - hits
    return np.append(0, hits / hits[-1]), np.append(0, misses / misses[-1])


def _precision_recall(
    hits: Int[np.ndarray, " m"], chosen: Int[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Returns precision and recall from recall 0 on; see `_counts`."""
    return np.append(1, hits / chosen), np.append(0, hits / hits[-1])


def _check(truth: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]) -> None:
    if truth.shape != scores.shape or truth.ndim != 1:
        raise UserError(
            f"the truth has the shape {truth.shape} and the scores have {scores.shape}; give one "
            "score for each frame"
        )
    if not np.isfinite(scores).all():
        place = int(np.argmin(np.isfinite(scores)))
        raise UserError(f"the score of frame {place} is {scores[place]}; give finite scores")


def _undefined(truth: Float[np.ndarray, " n"]) -> str:
    """Returns why there is no curve, "" if there is one."""
    positives = np.count_nonzero(truth)
    if not positives:
        return "no frame is anomalous"
    if positives == len(truth):
        return "no frame is normal"
    return ""


def _counts(
    truth: Float[np.ndarray, " n"], scores: Float[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """Counts the frames above each distinct score, from the highest score.

    Returns:
      The number of anomalous frames and of all frames with this score or a higher one.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(truth[order] > 0)

    # Frames with equal scores are chosen together.
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return hits[last], last + 1
