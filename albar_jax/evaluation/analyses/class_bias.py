"""Class by class: which actions a model reads from the background, which from the foreground, which from motion."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.counts import left_out_of_class
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites import Row, Suite


@dataclasses.dataclass(frozen=True, eq=False)
class ClassBias:
    """Figures by class: float64 arrays (K,) in percent, NaN for a class without clips.

    Attributes:
      rows: the figure of each suite row by class; None if a task is missing.
      clips: int64 (K,), number of clips in the first measured task, minimum over runs.
      left_out: int64 (K,), number of other clips in that task, without a prediction.
      background: IID minus SCUBA: the accuracy lost when the background is replaced.
      conflict: SCUBA minus Confl-FG on the same background: the accuracy lost to a motionless
        foreground of another class.

    The row `scufo` measures what is read from the appearance of the foreground, `contrasted` what
    is read from motion.
    """

    rows: Mapping[str, np.ndarray | None]
    clips: np.ndarray
    left_out: np.ndarray
    background: np.ndarray | None
    conflict: np.ndarray | None


def class_bias(
    suite: Suite, runs: Sequence[Mapping[str, Predictions]], num_classes: int
) -> ClassBias:
    """The figures of each class, averaged over `runs`, which are the predictions of each training seed."""
    rows = {
        row.name: _over_runs([_by_class(row, run, num_classes) for run in runs])
        for row in suite.rows
    }
    iid, scuba = rows.get("iid"), rows.get("scuba")
    clips = np.stack([_clips(suite, run, num_classes) for run in runs])
    total = clips + np.stack([_left_out(suite, run, num_classes) for run in runs])
    return ClassBias(
        rows=rows,
        clips=clips.min(axis=0),
        left_out=total.max(axis=0) - clips.min(axis=0),
        background=None if iid is None or scuba is None else iid - scuba,
        conflict=_over_runs([_conflict(suite, run, num_classes) for run in runs]),
    )


def largest(figures: np.ndarray | None, count: int = 3) -> list[int]:
    """The classes of the largest figures above 0, the largest first; of equals the first class."""
    if figures is None:
        return []
    order = np.argsort(-np.nan_to_num(figures, nan=0.0), kind="stable")[:count]
    return [int(label) for label in order if figures[label] > 0]


def _by_class(
    row: Row, predictions: Mapping[str, Predictions], num_classes: int
) -> np.ndarray | None:
    """The row's figure for each class in percent, over those sets that have a clip of the class."""
    sets = row.outcomes(predictions)
    if sets is None:
        return None
    shares = []
    for outcomes, tasks in zip(sets, row.sets, strict=True):
        first = predictions[tasks[0]]
        label_of = dict(zip(first.ids, first.labels.tolist(), strict=True))
        labels = [label_of[clip] for clip in outcomes.ids]
        shares.append(_shares(labels, outcomes.values, num_classes))
    reduce = {np.min: np.fmin.reduce, np.mean: _mean}.get(row.reduce, row.reduce)
    return 100 * reduce(np.stack(shares))


def _conflict(
    suite: Suite, predictions: Mapping[str, Predictions], num_classes: int
) -> np.ndarray | None:
    """What each class loses from SCUBA to Confl-FG on the same background, in points of a percent."""
    lost = []
    for (task,) in next((row.sets for row in suite.rows if row.name == "conflfg"), ()):
        partner = task.replace("_conflfg", "_scuba")
        if not {task, partner} <= set(predictions):
            return None
        before, after = (_accuracy(predictions[name], num_classes) for name in (partner, task))
        lost.append(before - after)
    return 100 * _mean(np.stack(lost)) if lost else None


def _accuracy(predictions: Predictions, num_classes: int) -> np.ndarray:
    return _shares(predictions.labels, metrics.accuracy(predictions).values, num_classes)


def _shares(labels: Sequence[int], hits: np.ndarray, num_classes: int) -> np.ndarray:
    """Share of hits of each class, float64 (K,); NaN for a class without a clip."""
    clips = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels, weights=hits, minlength=num_classes)
    return np.where(clips > 0, right / np.maximum(clips, 1), np.nan)


def _clips(suite: Suite, predictions: Mapping[str, Predictions], num_classes: int) -> np.ndarray:
    task = next(task for task in suite.tasks if task in predictions)
    return np.bincount(predictions[task].labels, minlength=num_classes)


def _left_out(suite: Suite, predictions: Mapping[str, Predictions], num_classes: int) -> np.ndarray:
    task = next(task for task in suite.tasks if task in predictions)
    return left_out_of_class(predictions[task], num_classes)


def _over_runs(tables: Sequence[np.ndarray | None]) -> np.ndarray | None:
    return None if any(table is None for table in tables) else _mean(np.stack(tables))


def _mean(table: np.ndarray) -> np.ndarray:
    """Mean of each column over its numbers; NaN for a column without any."""
    known = ~np.isnan(table)
    return np.where(
        known.any(axis=0), np.nansum(table, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )
