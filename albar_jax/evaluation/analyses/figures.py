"""The single figures that an audit adds to the rows of the paper: their keys, what they mean, how they are made."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.analyses import confidence, consistency, mistakes, temporal
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites import Suite

TEMPORAL = ("reversed", "shuffled")


@dataclasses.dataclass(frozen=True)
class Answered:
    """What one run said of a benchmark; `foregrounds` is the class pasted into a Confl-FG clip, by id, where known."""

    suite: Suite
    predictions: Mapping[str, Predictions]
    foregrounds: Mapping[str, int]

    def sets(self, row: str) -> tuple[tuple[Predictions, ...], ...] | None:
        """The predictions behind each set of a row, or None when a task is missing, as for the row itself."""
        sets = next((found.sets for found in self.suite.rows if found.name == row), ())
        if not sets or not all(task in self.predictions for tasks in sets for task in tasks):
            return None
        return tuple(tuple(self.predictions[task] for task in tasks) for tasks in sets)


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure: its key in results.json, its heading, its meaning in plain words, which way is better (if any).

    `measure` gives it for a run, in 0..1, or None where it cannot be told.
    """

    name: str
    title: str
    goal: Literal["up", "down"] | None
    meaning: str
    measure: Callable[[Answered], float | None]


def figures(suite: Suite) -> tuple[Figure, ...]:
    """All figures, in the order in which they are shown."""
    plain = [row for row in suite.rows if row.score is metrics.accuracy]
    return (
        *(_certainty(row.name, row.title, confidence.confidence) for row in plain),
        *(_certainty(row.name, row.title, confidence.entropy) for row in plain),
        *_CONSISTENCY,
        *_MISTAKES,
        *(figure for kind in TEMPORAL for figure in _temporal(kind)),
    )


def temporal_tasks(suite: Suite) -> dict[str, str]:
    """The tasks with altered time: {`reversed`: `hmdb51_reversed`, ...}."""
    return {kind: f"{suite.iid}_{kind}" for kind in TEMPORAL}


def _certainty(row: str, title: str, score: Callable[[Predictions], float | None]) -> Figure:
    meanings = {
        "confidence": "The mean probability given to an answer, right or wrong.",
        "entropy": "How undecided the answers are: their entropy, 100 for a blind guess.",
    }
    name = score.__name__
    # Only of stills is it known what is better: nothing moves in them, so nothing can be told.
    goal = {"confidence": "down", "entropy": "up"}[name] if row == "scufo" else None

    def measure(run: Answered) -> float | None:
        sets = run.sets(row)
        return None if sets is None else _mean(score(predictions) for (predictions,) in sets)

    return Figure(f"{name}/{row}", f"{name.capitalize()}, {title}", goal, meanings[name], measure)


def _scuba(run: Answered) -> list[Predictions] | None:
    sets = run.sets("scuba")
    return None if sets is None else [predictions for (predictions,) in sets]


def _of_scuba(
    score: Callable[[list[Predictions]], float | None],
) -> Callable[[Answered], float | None]:
    return lambda run: None if _scuba(run) is None else score(_scuba(run))


def _original(run: Answered) -> float | None:
    sets, iid = _scuba(run), run.predictions.get(run.suite.iid)
    return None if sets is None or iid is None else consistency.original(sets, iid)


def _of_the_still(run: Answered) -> float | None:
    sets = run.sets("contrasted")
    return None if sets is None else mistakes.of_the_still(sets)


def _of_the_foreground(run: Answered) -> float | None:
    sets = run.sets("conflfg")
    shares = [
        mistakes.of_the_foreground(predictions, run.foregrounds) for (predictions,) in sets or ()
    ]
    return _mean(shares) if shares else None


_CONSISTENCY = (
    Figure(
        "consistency/copies",
        "Same answer, copies",
        "up",
        "Two copies of a video, on two backgrounds of one kind: how often both get the same answer.",
        _of_scuba(consistency.copies),
    ),
    Figure(
        "consistency/sets",
        "Same answer, kinds of background",
        "up",
        "The same for backgrounds of two kinds, such as a photograph and stripes.",
        _of_scuba(consistency.sets_agree),
    ),
    Figure(
        "consistency/original",
        "Same answer as on its own background",
        "up",
        "How often a clip on a replaced background gets the answer of the video it was made from.",
        _original,
    ),
    Figure(
        "consistency/always_right",
        "Right on every background",
        "up",
        "Share of videos that are named right in each of their clips.",
        _of_scuba(consistency.always_right),
    ),
)

_MISTAKES = (
    Figure(
        "mistakes/of_the_still",
        "Mistakes read from the still",
        "down",
        "Of the moving SCUBA clips named wrong, the share that got the very answer of their still.",
        _of_the_still,
    ),
    Figure(
        "mistakes/of_the_foreground",
        "Mistakes read from the pasted foreground",
        "down",
        "Of the Confl-FG clips named wrong, the share named after the motionless foreground pasted into them.",
        _of_the_foreground,
    ),
)


def _temporal(kind: str) -> tuple[Figure, ...]:
    how = {"reversed": "run backwards", "shuffled": "are in disorder"}[kind]

    def measure(
        score: Callable[[Predictions, Predictions], float | None],
    ) -> Callable[[Answered], float | None]:
        def of(run: Answered) -> float | None:
            tasks = run.suite.iid, temporal_tasks(run.suite)[kind]
            return (
                score(*(run.predictions[task] for task in tasks))
                if set(tasks) <= set(run.predictions)
                else None
            )

        return of

    return (
        Figure(
            f"{kind}/stay_right",
            f"Still right, {kind}",
            None,
            f"Of the ordinary clips named right, the share still named right when the frames {how}.",
            measure(temporal.stay_right),
        ),
        Figure(
            f"{kind}/same_answer",
            f"Same answer, {kind}",
            None,
            f"Share of ordinary clips that get the same answer when the frames {how}.",
            measure(temporal.same_answer),
        ),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    values = list(values)
    return None if None in values else float(np.mean(values))
