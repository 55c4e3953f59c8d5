"""Evaluates anomaly scores against the frames of events, of MGFN and of other programs."""

from collections.abc import Sequence

import numpy as np

from albar_jax.downstream.base import Evaluation, HeadPredictions
from albar_jax.downstream.metrics_anomaly import Area, pr_auc, roc_auc
from albar_jax.errors import UserError
from albar_jax.features.anomaly import AnomalyVideo, clipped_events, frame_truth
from albar_jax.schema.changes import listed

SCORES = "scores"
# The number of frames that each score stands for, int ().
REPEATS = "frames_per_score"
# Names in a message.
NAMED = 3


def evaluate(videos: Sequence[AnomalyVideo], predictions: HeadPredictions) -> Evaluation:
    """Returns the areas under curves over the frames of all test videos together.

    Each score counts for all frames that it stands for.

    Args:
      videos: annotated videos; the split "test" is evaluated.
      predictions: "scores", (T,), and "frames_per_score", (), of each test video.

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
        raise UserError(
            f"there are no scores of {len(missing)} test videos, such as "
            f"{listed(missing, NAMED)}; score all of them"
        )

    truths: list[np.ndarray] = []
    scores: list[np.ndarray] = []
    num_clipped = 0
    for video in test:
        rows = predictions[video.id][SCORES]
        repeats = int(predictions[video.id][REPEATS])
        truths.append(frame_truth(video, len(rows), repeats))
        scores.append(np.repeat(rows, repeats))
        num_clipped += clipped_events(video, len(rows), repeats)

    areas = _areas(truths, scores, [video.is_abnormal for video in test])
    notes = [f"{name} is undefined: {area.reason}" for name, area in areas.items() if area.reason]
    if num_clipped:
        notes.append(f"events that end after the last score are clipped: {num_clipped}")

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
