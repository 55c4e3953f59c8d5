"""Measures for each class whether a model uses the background, the foreground or the motion."""

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

    The row `scufo` measures the use of the foreground's appearance. The row `contrasted` measures
    the use of motion.

    Attributes:
      rows: figures of each suite row; None if a task is missing.
      clips: int64 (K,), number of clips in the first measured task, minimum over runs.
      left_out: int64 (K,), number of further clips in that task, without a prediction.
      background: IID minus SCUBA, the accuracy lost when the background is replaced.
      conflict: SCUBA minus Confl-FG on the same background, the accuracy lost to a motionless
        foreground of another class.
    """

    rows: Mapping[str, np.ndarray | None]
    clips: np.ndarray
    left_out: np.ndarray
    background: np.ndarray | None
    conflict: np.ndarray | None


def class_bias(
    suite: Suite, runs: Sequence[Mapping[str, Predictions]], num_classes: int
) -> ClassBias:
    """Computes the figures of each class, averaged over runs.

    Args:
      suite: the benchmark.
      runs: predictions of each training seed, by task.
      num_classes: K.
    """
    rows = {}
    for row in suite.rows:
        rows[row.name] = figures_by_class(row, runs, num_classes)

    background = None
    if rows.get("iid") is not None and rows.get("scuba") is not None:
        background = rows["iid"] - rows["scuba"]

    # Runs may lack different clips. The run with the fewest clips counts.
    tested, total = [], []
    for run in runs:
        predictions = _first_measured(suite, run)
        clips = np.bincount(predictions.labels, minlength=num_classes)
        tested.append(clips)
        total.append(clips + left_out_of_class(predictions, num_classes))
    fewest = np.stack(tested).min(axis=0)

    return ClassBias(
        rows=rows,
        clips=fewest,
        left_out=np.stack(total).max(axis=0) - fewest,
        background=background,
        conflict=_mean_over_runs([_conflict(suite, run, num_classes) for run in runs]),
    )


def figures_by_class(
    row: Row, runs: Sequence[Mapping[str, Predictions]], num_classes: int
) -> np.ndarray | None:
    """Returns a row's figure for each class, float64 (K,) in percent, averaged over runs.

    NaN for a class without clips. None if a run lacks a task.
    """
    return _mean_over_runs([_by_class(row, run, num_classes) for run in runs])


def largest_classes(figures: np.ndarray | None, count: int = 3) -> list[int]:
    """Returns at most `count` classes with the largest figures above 0, in descending order.

    The first of equal classes comes first.
    """
    if figures is None:
        return []
    # A stable sort keeps the order of equal classes.
    order = np.argsort(-np.nan_to_num(figures, nan=0.0), kind="stable")[:count]
    return [int(label) for label in order if figures[label] > 0]


def figure_of_class(column: np.ndarray | None, label: int) -> float | None:
    """Returns an entry of a column of class figures; None if it is missing or NaN."""
    if column is None or np.isnan(column[label]):
        return None
    return float(column[label])


def _by_class(
    row: Row, predictions: Mapping[str, Predictions], num_classes: int
) -> np.ndarray | None:
    """Returns the row's figure for each class in percent, float64 (K,).

    A test set without a clip of the class does not count for the class.
    """
    outcomes_of_sets = row.outcomes(predictions)
    if outcomes_of_sets is None:
        return None

    shares = []
    for outcomes, tasks in zip(outcomes_of_sets, row.sets, strict=True):
        # Outcomes have no labels. The first task has one for each of them.
        first = predictions[tasks[0]]
        label_of = dict(zip(first.ids, first.labels.tolist(), strict=True))
        labels = [label_of[clip] for clip in outcomes.ids]
        shares.append(_shares(labels, outcomes.values, num_classes))

    # The reductions of rows do not skip NaN.
    skipping_nan = {np.min: np.fmin.reduce, np.mean: _mean}
    reduce = skipping_nan.get(row.reduce, row.reduce)
    return 100 * reduce(np.stack(shares))


def _conflict(
    suite: Suite, predictions: Mapping[str, Predictions], num_classes: int
) -> np.ndarray | None:
    """Returns SCUBA minus Confl-FG of each class on the same background, float64 (K,) in percent.

    None if a task is missing, or if the suite has no Confl-FG set.
    """
    losses = []
    for conflfg in suite.tasks_of("conflfg"):
        # Without its own background, the difference would include a change of background.
        scuba = conflfg.replace("_conflfg", "_scuba")
        if not {conflfg, scuba} <= set(predictions):
            return None
        before = _accuracy(predictions[scuba], num_classes)
        after = _accuracy(predictions[conflfg], num_classes)
        losses.append(before - after)

    if not losses:
        return None
    return 100 * _mean(np.stack(losses))


def _accuracy(predictions: Predictions, num_classes: int) -> np.ndarray:
    return _shares(predictions.labels, metrics.accuracy(predictions).values, num_classes)


def _shares(labels: Sequence[int] | np.ndarray, hits: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the share of hits of each class, float64 (K,); NaN for a class without a clip."""
    # `np.maximum` avoids a division by zero, which would warn.
    clips = np.bincount(labels, minlength=num_classes)
    num_hits = np.bincount(labels, weights=hits, minlength=num_classes)
    return np.where(clips > 0, num_hits / np.maximum(clips, 1), np.nan)


def _first_measured(suite: Suite, predictions: Mapping[str, Predictions]) -> Predictions:
    # A run has at least one task of its suite.
    return predictions[next(filter(predictions.__contains__, suite.every_task))]


def _mean_over_runs(tables: Sequence[np.ndarray | None]) -> np.ndarray | None:
    measured = [table for table in tables if table is not None]
    if len(measured) < len(tables):
        return None
    return _mean(np.stack(measured))


def _mean(table: np.ndarray) -> np.ndarray:
    """Returns the mean of each column without its NaN; NaN for a column of NaN."""
    is_number = ~np.isnan(table)
    # `nansum` counts NaN as 0, so only the other figures count in the denominator.
    means = np.nansum(table, axis=0) / np.maximum(is_number.sum(axis=0), 1)
    return np.where(is_number.any(axis=0), means, np.nan)
