"""Measures whether a model predicts the same class for one video on different backgrounds.

The figures use the SCUBA sets of a benchmark, one for each kind of background. Clips belong to the
same video if their ids have the same source video (`jump_03__0`, `jump_03__1`, ...), in all sets.
An abstention is no answer, so it agrees with nothing, not even with another abstention.
"""

from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation.bootstrap import source_video
from albar_jax.evaluation.predictions import ABSTAINED, Predictions


def copies_agree(sets: Sequence[Predictions]) -> float | None:
    """Returns how often two clips of a video in one set get the same prediction.

    The shares of pairs are averaged over videos.

    Returns:
      0 to 1; None if no video has two clips in a set.
    """
    video, kind, pred = _clips_of_all(sets)
    pairs = _pairs(video, kind)
    agreeing = _pairs(video, _cells(kind, pred))
    return _mean_share(agreeing, pairs)


def sets_agree(sets: Sequence[Predictions]) -> float | None:
    """Returns how often two clips of a video in two different sets get the same prediction.

    The two sets have different kinds of background, such as photographs and stripes.

    Returns:
      0 to 1; None if no video is in two sets.
    """
    video, kind, pred = _clips_of_all(sets)
    # Pairs across sets are all pairs of a video except those within a set.
    pairs = _pairs(video, np.zeros_like(kind)) - _pairs(video, kind)
    agreeing = _pairs(video, pred) - _pairs(video, _cells(kind, pred))
    return _mean_share(agreeing, pairs)


def _cells(kind: np.ndarray, pred: np.ndarray) -> np.ndarray:
    """Returns a number for each (set, predicted class)."""
    return kind * (pred.max() + 1) + pred


def _mean_share(agreeing: np.ndarray, pairs: np.ndarray) -> float | None:
    has_pairs = pairs > 0
    if not has_pairs.any():
        return None
    return float((agreeing[has_pairs] / pairs[has_pairs]).mean())


def _pairs(video: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Counts the pairs of clips of each video that are in the same group, float64 (V,)."""
    # n clips in a group have n (n - 1) / 2 pairs.
    (owner, _), size = np.unique(np.stack([video, group]), axis=1, return_counts=True)
    return np.bincount(owner, weights=size * (size - 1) / 2, minlength=video.max() + 1)


def original_agrees(sets: Sequence[Predictions], iid: Predictions) -> float | None:
    """Returns how often a clip gets the prediction of its source video in `iid`.

    The shares are averaged over sets.

    Returns:
      0 to 1; None if a set has no clip whose source video is in `iid`.
    """
    pred_of_video = dict(zip(iid.ids, iid.pred.tolist(), strict=True))
    shares = []
    for predictions in sets:
        agrees = []
        for clip, pred in zip(predictions.ids, predictions.pred.tolist(), strict=True):
            video = source_video(clip)
            if video in pred_of_video:
                agrees.append(pred != ABSTAINED and pred_of_video[video] == pred)
        # The set names its clips differently.
        if not agrees:
            return None
        shares.append(np.mean(agrees))

    return float(np.mean(shares))


def always_right(sets: Sequence[Predictions]) -> float:
    """Returns the share of videos with correct predictions for all their clips, 0 to 1."""
    video, _, pred = _clips_of_all(sets)
    labels = np.concatenate([predictions.labels for predictions in sets])
    # A video is right if it has no wrong clip.
    num_wrong = np.bincount(video, weights=pred != labels)
    return float((num_wrong == 0).mean())


def _clips_of_all(sets: Sequence[Predictions]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the video number, set number and predicted class of each clip, int64 (N,) each.

    Each abstention has a class of its own, which agrees with no other clip.
    """
    videos, kinds, preds = [], [], []
    for number, predictions in enumerate(sets):
        videos += map(source_video, predictions.ids)
        kinds.append(np.full(len(predictions), number))
        preds.append(predictions.pred)

    _, video = np.unique(videos, return_inverse=True)
    pred = np.concatenate(preds).astype(np.int64)
    abstained = np.flatnonzero(pred == ABSTAINED)
    pred[abstained] = pred.max() + 1 + np.arange(len(abstained))
    return video, np.concatenate(kinds), pred
