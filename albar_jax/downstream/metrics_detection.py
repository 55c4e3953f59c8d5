"""Computes the mean average precision of temporal action detection (numpy only).

The procedure is ActivityNet's, as ActionFormer and TriDet use it: average precision over all
recall steps (as in VOC 2011), at several thresholds of the temporal IoU.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from albar_jax.features.segments import LabelledSegments, SegmentTruth

# The thresholds of THUMOS14.
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
# Two segments of a class whose ends differ by at most so many seconds are one.
_SAME_SECONDS = 1e-3

# Video id -> "segments", float (n, 2) in seconds; "scores", float (n,); "labels", int (n,).
Detections = Mapping[str, Mapping[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class MeanPrecision:
    """Average precisions by threshold and class.

    Attributes:
      thresholds: thresholds of the temporal IoU.
      classes: names of the classes that have segments in the truth.
      table: average precision, 0 to 1, float64 (thresholds, classes).
      reason: why the means are undefined, "" otherwise.
    """

    thresholds: tuple[float, ...]
    classes: tuple[str, ...]
    table: Float[np.ndarray, "thresholds classes"]
    reason: str = ""

    @property
    def means(self) -> list[float | None]:
        """The mean over classes at each threshold; None if no class has segments."""
        if self.reason:
            return [None] * len(self.thresholds)
        return [float(mean) for mean in self.table.mean(axis=1)]

    @property
    def average(self) -> float | None:
        """The mean over classes and thresholds; None if no class has segments."""
        return None if self.reason else float(self.table.mean(axis=1).mean())


def mean_average_precision(
    truth: SegmentTruth,
    predictions: Detections,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    split: str = "test",
    published_numbering: bool = False,
) -> MeanPrecision:
    """Computes the average precision of each class at each threshold.

    Duplicates in the truth, as in THUMOS14, count once. Segments without length do not count. A
    prediction in a video that the truth does not have is false.

    Args:
      truth: the annotated segments.
      predictions: the predicted segments.
      thresholds: thresholds of the temporal IoU.
      split: split of the truth to compare with.
      published_numbering: reproduces an oddity of the published program. It renumbers the classes
        that the truth has. A prediction of an absent class keeps its number, and so may count for
        another class. By default, such predictions are dropped.
    """
    videos = {video.id: without_duplicates(video) for video in truth.of_split(split)}
    present = np.unique(np.concatenate([np.zeros(0, int), *(v.labels for v in videos.values())]))
    classes = tuple(truth.classes[number] for number in present)
    limits = np.array(thresholds, np.float64)
    if not len(present):
        return MeanPrecision(
            tuple(thresholds),
            (),
            np.zeros((len(limits), 0)),
            f"the split {split} has no segments",
        )

    columns = []
    for place, number in enumerate(present):
        of_class = {}
        for name, found in predictions.items():
            chosen = found["labels"] == number
            if published_numbering:
                chosen |= (found["labels"] == place) & ~np.isin(found["labels"], present)
            of_class[name] = (found["segments"][chosen], found["scores"][chosen])
        targets = {name: v.segments[v.labels == number] for name, v in videos.items()}
        columns.append(_average_precision(targets, of_class, limits))

    return MeanPrecision(tuple(thresholds), classes, np.stack(columns, axis=1))


def without_duplicates(video: LabelledSegments) -> LabelledSegments:
    """Returns a video without repeated segments and without segments of no length.

    A segment repeats an earlier one of the same class if both ends differ by at most 1 ms.
    """
    kept: list[int] = []
    for place, (start, end) in enumerate(video.segments):
        same_class = [other for other in kept if video.labels[other] == video.labels[place]]
        distance = np.abs(video.segments[same_class] - video.segments[place])
        is_repeated = bool((distance <= _SAME_SECONDS).all(axis=1).any())
        if end > start and not is_repeated:
            kept.append(place)

    chosen = np.zeros(len(video.labels), bool)
    chosen[kept] = True
    return video.select(chosen)


def temporal_iou(
    first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "m 2"]
) -> Float[np.ndarray, "n m"]:
    """Returns the intersection over union of all pairs of segments, 0 to 1."""
    starts = np.maximum(first[:, None, 0], second[None, :, 0])
    ends = np.minimum(first[:, None, 1], second[None, :, 1])
    shared = np.clip(ends - starts, 0, None)

    lengths = (first[:, 1] - first[:, 0])[:, None] + (second[:, 1] - second[:, 0])[None]
    union = lengths - shared
    # Two segments without length share nothing.
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def interpolated(precision: Float[np.ndarray, " n"], recall: Float[np.ndarray, " n"]) -> float:
    """Returns the average precision of a curve (VOC 2011, all points).

    Precision is made non-increasing from the right, then summed over the steps of recall.

    Args:
      precision: precision after each prediction, by falling score.
      recall: recall after each prediction.
    """
    precision = np.concatenate([[0], precision, [0]])
    recall = np.concatenate([[0], recall, [1]])
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * highest[1:]))


def _average_precision(
    targets: Mapping[str, Float[np.ndarray, "n 2"]],
    predictions: Mapping[str, tuple[Float[np.ndarray, "p 2"], Float[np.ndarray, " p"]]],
    thresholds: Float[np.ndarray, " thresholds"],
) -> Float[np.ndarray, " thresholds"]:
    """Returns the average precision of one class at each threshold."""
    total = sum(len(segments) for segments in targets.values())
    hits = [np.zeros((0, len(thresholds)), bool)]
    ranks = [np.zeros(0)]
    for name, (segments, scores) in predictions.items():
        # Of equal scores, the one that is named first comes first.
        order = np.argsort(-scores, kind="stable")
        ious = temporal_iou(segments[order], targets.get(name, np.zeros((0, 2))))
        hits.append(_matched(ious, thresholds))
        ranks.append(scores[order])

    order = np.argsort(-np.concatenate(ranks), kind="stable")
    true = np.concatenate(hits)[order].cumsum(axis=0)
    count = np.arange(1, len(order) + 1)
    return np.array([interpolated(column / count, column / total) for column in true.T])


def _matched(
    ious: Float[np.ndarray, "p n"], thresholds: Float[np.ndarray, " thresholds"]
) -> Bool[np.ndarray, "p thresholds"]:
    """Returns which predictions of a video are true, at each threshold.

    Args:
      ious: temporal IoU of each prediction, by falling score, with each segment of the truth.
      thresholds: thresholds of the temporal IoU.
    """
    hits = np.zeros((len(ious), len(thresholds)), bool)
    # A segment of the truth is found once at each threshold.
    is_free: Int[np.ndarray, "thresholds n"] = np.ones((len(thresholds), ious.shape[1]), int)
    # Most predictions fit nothing.
    for place in np.flatnonzero((ious >= thresholds.min()).any(axis=1)):
        free = ious[place] * is_free
        best = free.argmax(axis=1)
        hits[place] = free.max(axis=1) >= thresholds
        is_free[hits[place], best[hits[place]]] = 0

    return hits
