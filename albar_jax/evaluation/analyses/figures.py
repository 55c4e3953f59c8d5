"""Lists the figures that an audit adds to the rows of the paper: key, title, meaning, function."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

from albar_jax.evaluation import metrics
from albar_jax.evaluation.analyses import confidence, consistency, mistakes, temporal
from albar_jax.evaluation.averages import mean
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites import Row, Suite
from albar_jax.evaluation.suites.base import TEMPORAL_ORDERS, TemporalOrder


@dataclasses.dataclass(frozen=True)
class EvaluatedRun:
    """The predictions of one run on a benchmark.

    Attributes:
      suite: the benchmark.
      predictions: predictions by task.
      foregrounds: class of the foreground pasted into each Confl-FG clip, by id, if known.
    """

    suite: Suite
    predictions: Mapping[str, Predictions]
    foregrounds: Mapping[str, int]

    def sets(self, row_name: str) -> tuple[tuple[Predictions, ...], ...] | None:
        """Returns the predictions for each test set of a row.

        None if the suite has no such row, or if a task is missing.
        """
        row = self.suite.row(row_name)
        if row is None:
            return None
        return row.predictions_of_sets(self.predictions) or None

    def single_sets(self, row_name: str) -> list[Predictions] | None:
        """Returns the predictions for each test set of a row whose score takes one task.

        None if the suite has no such row, or if a task is missing.
        """
        sets = self.sets(row_name)
        if sets is None:
            return None
        return [predictions for (predictions,) in sets]


Measure = Callable[[EvaluatedRun], float | None]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure of a run.

    Attributes:
      name: key in results.json.
      title: its heading.
      goal: "up" if higher is better, "down" if lower is better, None if neither is.
      meaning: one plain sentence for the reader of a report.
      measure: computes the figure of a run, 0 to 1; None if the run does not have it.
    """

    name: str
    title: str
    goal: Literal["up", "down"] | None
    meaning: str
    measure: Measure


def figures(suite: Suite) -> tuple[Figure, ...]:
    """Returns all figures in the order of display."""
    # Rows that join test sets have no confidence.
    confidences, entropies = [], []
    for row in suite.rows:
        if row.score is metrics.accuracy:
            confidences.append(_confidence(row))
            entropies.append(_entropy(row))

    # The order is the order of display.
    listed = [*confidences, *entropies, *_CONSISTENCY, *_MISTAKES]
    for order in TEMPORAL_ORDERS:
        listed += _temporal(order)
    return tuple(listed)


def _confidence(row: Row) -> Figure:
    return Figure(
        f"confidence/{row.name}",
        f"Confidence, {row.title}",
        "down" if row.name == "scufo" else None,
        "Mean probability of the predicted class, correct or not.",
        _mean_over_sets(row.name, confidence.confidence),
    )


def _entropy(row: Row) -> Figure:
    return Figure(
        f"entropy/{row.name}",
        f"Entropy, {row.title}",
        # Only stills have a better direction: without motion, a model should not be certain.
        "up" if row.name == "scufo" else None,
        "Mean entropy of the predicted probabilities; 100 is a uniform distribution.",
        _mean_over_sets(row.name, confidence.entropy),
    )


def _mean_over_sets(row_name: str, score: Callable[[Predictions], float | None]) -> Measure:
    return _of_sets(row_name, lambda sets: mean(map(score, sets)))


def _of_sets(row_name: str, score: Callable[[list[Predictions]], float | None]) -> Measure:
    def measure(run: EvaluatedRun) -> float | None:
        sets = run.single_sets(row_name)
        if sets is None:
            return None
        return score(sets)

    return measure


def _original_agrees(run: EvaluatedRun) -> float | None:
    sets = run.single_sets("scuba")
    iid = run.predictions.get(run.suite.iid)
    if sets is None or iid is None:
        return None
    return consistency.original_agrees(sets, iid)


def _share_like_still(run: EvaluatedRun) -> float | None:
    sets = run.sets("contrasted")
    if sets is None:
        return None
    pairs = [(scuba, scufo) for scuba, scufo in sets]
    return mistakes.share_like_still(pairs)


def _share_like_foreground(run: EvaluatedRun) -> float | None:
    sets = run.single_sets("conflfg")
    if sets is None:
        return None

    def share(conflfg: Predictions) -> float | None:
        return mistakes.share_like_foreground(conflfg, run.foregrounds)

    return mean(map(share, sets))


_CONSISTENCY = (
    Figure(
        "consistency/copies",
        "Same answer, copies",
        "up",
        "How often two copies of a video, on two backgrounds of one kind, get the same prediction.",
        _of_sets("scuba", consistency.copies_agree),
    ),
    Figure(
        "consistency/sets",
        "Same answer, kinds of background",
        "up",
        "The same for backgrounds of two kinds, such as a photograph and stripes.",
        _of_sets("scuba", consistency.sets_agree),
    ),
    Figure(
        "consistency/original",
        "Same answer as on its own background",
        "up",
        "How often a clip on a replaced background gets the prediction of its source video.",
        _original_agrees,
    ),
    Figure(
        "consistency/always_right",
        "Right on every background",
        "up",
        "Share of videos with correct predictions for all their clips.",
        _of_sets("scuba", consistency.always_right),
    ),
)

_MISTAKES = (
    Figure(
        "mistakes/of_the_still",
        "Mistakes read from the still",
        "down",
        "Share of the misclassified SCUBA clips that get the same prediction as their still.",
        _share_like_still,
    ),
    Figure(
        "mistakes/of_the_foreground",
        "Mistakes read from the pasted foreground",
        "down",
        "Share of the misclassified Confl-FG clips that are predicted as the class of the pasted, "
        "motionless foreground.",
        _share_like_foreground,
    ),
)


# End of a sentence about each order.
_CHANGES: dict[TemporalOrder, str] = {
    "reversed": "when the frames are reversed",
    "shuffled": "when the frames are shuffled",
    "static": "when the middle frame replaces all frames",
}


def _temporal(order: TemporalOrder) -> tuple[Figure, ...]:
    return (
        Figure(
            f"{order}/stay_right",
            f"Still right, {order}",
            None,
            "Share of the correctly classified original clips that are still correct "
            f"{_CHANGES[order]}.",
            _compare_orders(order, temporal.stay_right),
        ),
        Figure(
            f"{order}/same_answer",
            f"Same answer, {order}",
            None,
            f"Share of the original clips that get the same prediction {_CHANGES[order]}.",
            _compare_orders(order, temporal.same_answer),
        ),
    )


def _compare_orders(
    order: TemporalOrder, score: Callable[[Predictions, Predictions], float | None]
) -> Measure:
    def measure(run: EvaluatedRun) -> float | None:
        forwards = run.predictions.get(run.suite.iid)
        altered = run.predictions.get(run.suite.temporal_tasks[order])
        if forwards is None or altered is None:
            return None
        return score(forwards, altered)

    return measure
