"""A suite: the test sets of one benchmark, and the rows of figures made from them."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Optional

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.metrics import Outcomes
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites.published import Published


@dataclasses.dataclass(frozen=True)
class WeightedMean:
    """The weighted mean of the figures of test sets, with weights > 0; NaN is a missing figure."""

    weights: tuple[float, ...]

    def __call__(self, figures: np.ndarray, axis: int = 0) -> np.ndarray:
        """Returns the weighted mean along an axis with one entry per weight."""
        figures = np.moveaxis(np.asarray(figures, float), axis, -1)
        known = np.where(np.isnan(figures), 0.0, self.weights)
        total = known.sum(-1)
        return np.where(
            total > 0,
            (np.nan_to_num(figures) * known).sum(-1) / np.where(total > 0, total, 1),
            np.nan,
        )


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of a benchmark: a share of hits, reduced over its test sets.

    Attributes:
      name: key in results.json.
      title: heading of its column.
      goal: whether higher or lower is better.
      meaning: one plain sentence for the reader of a report.
      score: computes outcomes from the predictions of one entry of `sets`.
      sets: tasks that `score` takes, for each test set.
      reduce: reduction over test sets: `np.mean`, `np.min` for the worst group, or a
        `WeightedMean`.
    """

    name: str
    title: str
    goal: Literal["up", "down"]
    meaning: str
    score: Callable[..., Outcomes]
    sets: tuple[tuple[str, ...], ...]
    reduce: Callable[..., np.ndarray] = np.mean

    def outcomes(self, predictions: Mapping[str, Predictions]) -> tuple[Outcomes, ...] | None:
        """The outcomes of each test set, or None when a task is missing: part of a mean is another figure."""
        if not all(task in predictions for tasks in self.sets for task in tasks):
            return None
        return tuple(self.score(*(predictions[task] for task in tasks)) for tasks in self.sets)


@dataclasses.dataclass(frozen=True)
class Suite:
    """The rows of one benchmark.

    Attributes:
      name: what config.eval.suite calls it.
      title: the name of the data set, for a reader.
      iid: the task of the data set's own test split.
      rows: its figures, in the order of the paper's table.
      published: that table, where there is one.
      by_background: the same benchmark with a row for each background and no means over them, where it has several.
    """

    name: str
    title: str
    iid: str
    rows: tuple[Row, ...]
    published: Published | None = None
    by_background: Optional["Suite"] = None

    @property
    def tasks(self) -> dict[str, str]:
        """The file name of each task's manifest; the IID task is the split `test` of the main manifest."""
        names = dict.fromkeys(task for row in self.rows for tasks in row.sets for task in tasks)
        return {task: "manifest.csv" if task == self.iid else f"{task}.csv" for task in names}

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The (SCUBA task, SCUFO task) of each background."""
        return next((row.sets for row in self.rows if row.score is metrics.contrasted), ())


_MEANING = {
    "iid": "Share of ordinary test clips named right.",
    "scuba": "Share named right when the background is replaced and the moving foreground kept.",
    "scufo": "Share named right from one frame of such a clip, repeated: nothing moves, so a right answer can only "
    "come from what things look like.",
    "conflfg": "Share named right when a motionless foreground of another class is pasted beside the moving one.",
    "contrasted": "Share of clips named right while moving (SCUBA) but no longer as a still (SCUFO): answers that need "
    "the motion.",
}


def bias_rows(
    iid: str, *, scuba: Sequence[str], scufo: Sequence[str], conflfg: str
) -> tuple[Row, ...]:
    """The five rows of every bias suite, in the order of the paper's Table 1.

    `scuba` and `scufo` name one task for each background, in the same order.
    """

    def row(
        name: str, title: str, sets: Iterable[tuple[str, ...]], goal="up", score=metrics.accuracy
    ) -> Row:
        return Row(name, title, goal, _MEANING[name], score, tuple(sets))

    return (
        row("iid", "IID", [(iid,)]),
        row("scuba", "SCUBA", [(task,) for task in scuba]),
        row("scufo", "SCUFO", [(task,) for task in scufo], goal="down"),
        row("conflfg", "Confl-FG", [(conflfg,)]),
        row("contrasted", "Contrasted", zip(scuba, scufo, strict=True), score=metrics.contrasted),
    )


BACKGROUNDS = {"places365": "Places365", "vqgan": "VQGAN-CLIP", "stripe": "stripes"}


def published_rows(dataset: str, iid: str | None = None) -> tuple[Row, ...]:
    """The rows of a data set with the three published backgrounds; Confl-FG is made on stripes.

    `iid` is the task of its own test split where that has another name.
    """
    return bias_rows(
        iid or dataset,
        scuba=[f"{dataset}_scuba_{background}" for background in BACKGROUNDS],
        scufo=[f"{dataset}_scufo_{background}" for background in BACKGROUNDS],
        conflfg=f"{dataset}_conflfg_stripe",
    )


def by_background(suite: Suite, published: Published | None = None) -> Suite:
    """The suite with this aux_input: the columns of the paper's Tables 7 and 8, then contrasted of each background."""
    iid, scuba, scufo, *_, contrasted = suite.rows
    rows = (iid, *_each(scuba), *_each(scufo), contrasted, *_each(contrasted))
    aux_input = Suite(suite.name, f"{suite.title}, by background", suite.iid, rows, published)
    return dataclasses.replace(suite, by_background=aux_input)


def _each(row: Row) -> list[Row]:
    return [
        dataclasses.replace(
            row, name=f"{row.name}_{background}", title=f"{row.title} {title}", sets=(tasks,)
        )
        for (background, title), tasks in zip(BACKGROUNDS.items(), row.sets, strict=True)
    ]
