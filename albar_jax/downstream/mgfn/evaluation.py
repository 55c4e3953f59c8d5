"""Evaluates anomaly scores against the frames of events, of MGFN and of other programs."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from albar_jax.downstream.base import Evaluation, Predictions
from albar_jax.downstream.metrics_anomaly import Area, pr_auc, roc_auc
from albar_jax.errors import UserError
from albar_jax.features.anomaly import (
    FRAMES_PER_ROW,
    AnomalyVideo,
    clipped_events,
    frame_truth,
)

SCORES = "scores"
# The number of frames that each score stands for, int (). Without it, 16.
REPEATS = "frames_per_row"
# Names in a message.
_LISTED = 3


def frame_scores(
    scores: Float[np.ndarray, " t"], frames_per_row: int = FRAMES_PER_ROW
) -> Float[np.ndarray, " frames"]:
    """Returns the score of each frame: the score of each row, repeated."""
    return np.repeat(scores, frames_per_row)


def listed(names: Sequence[str]) -> str:
    """Returns the first names and their number, as in "a, b, c, ... (12)"."""
    more = ", ..." if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more} ({len(names)})"


def evaluate(videos: Sequence[AnomalyVideo], predictions: Predictions) -> Evaluation:
    """Returns the areas under curves over the frames of all test videos together.

    Args:
      videos: annotated videos; the split "test" is evaluated.
      predictions: "scores", (T,), and optionally "frames_per_row", (), of each test video.

    Returns:
      Percentages "roc_auc" (the paper's), "pr_auc" (by trapezoid, not average precision), and
      "roc_auc_abnormal", which leaves out the normal videos.

    Raises:
      UserError: there are no test videos, or one of them has no predictions.
    """
    test = [video for video in videos if video.split == "test"]
    if not test:
        raise UserError("there are no test videos; give their rows the split 'test'")
    missing = [video.id for video in test if video.id not in predictions]
    if missing:
        raise UserError(f"there are no scores of test videos: {listed(missing)}; score all of them")

    truths: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    num_clipped = 0
    for video in test:
        rows = predictions[video.id][SCORES]
        repeats = int(predictions[video.id].get(REPEATS, FRAMES_PER_ROW))
        truths.append(frame_truth(video, len(rows), repeats))
        scores.append(frame_scores(rows, repeats))
        num_clipped += clipped_events(video, len(rows), repeats)

    areas = _areas(truths, scores, [video.is_abnormal for video in test])
    notes = [f"{name} is undefined: {area.reason}" for name, area in areas.items() if area.reason]
    if num_clipped:
        notes.append(f"events that end after the last row of features are clipped: {num_clipped}")

    figures = {}
    for name, area in areas.items():
        figures[name] = None if area.value is None else 100 * area.value
    return Evaluation(figures, predictions, tuple(notes))


def _areas(
    truths: Sequence[np.ndarray], scores: Sequence[np.ndarray], is_abnormal: Sequence[bool]
) -> dict[str, Area]:
    """Returns the areas by name; there is one array of frames for each video."""
    all_truths = np.concatenate(truths)
    all_scores = np.concatenate(scores)
    in_abnormal = np.repeat(is_abnormal, [len(truth) for truth in truths])

    return {
        "roc_auc": roc_auc(all_truths, all_scores),
        "pr_auc": pr_auc(all_truths, all_scores),
        "roc_auc_abnormal": roc_auc(all_truths[in_abnormal], all_scores[in_abnormal]),
    }
