"""Defines a suite: the test sets of a benchmark and the rows of figures computed from them."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Optional, get_args

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.metrics import Outcomes
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites.published import Published

# The changed orders of the frames of a test clip. "static" repeats its middle frame.
TemporalOrder = Literal["reversed", "shuffled", "static"]
TEMPORAL_ORDERS: tuple[TemporalOrder, ...] = get_args(TemporalOrder)
# The sets of HAT: ends of the names of their tasks.
HAT_SETS = ("hat_human", "hat_background", "hat_swap", "hat_swap_close", "hat_swap_far")


@dataclasses.dataclass(frozen=True)
class WeightedMean:
    """The weighted mean of the figures of test sets.

    Attributes:
      weights: one weight > 0 for each test set.
    """

    weights: tuple[float, ...]

    def __call__(self, figures: np.ndarray, axis: int = 0) -> np.ndarray:
        """Returns the weighted mean along an axis with one entry per weight.

        NaN is a missing figure and has no weight. The result is NaN if all are missing.
        """
        figures = np.moveaxis(np.asarray(figures, float), axis, -1)
        weights = np.where(np.isnan(figures), 0.0, self.weights)

        # The inner `where` avoids a division by zero, which would warn.
        total = weights.sum(-1)
        sums = (np.nan_to_num(figures) * weights).sum(-1)
        return np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan)


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of a benchmark: a share of hits, reduced over test sets.

    Attributes:
      name: key in results.json.
      title: heading of its column.
      goal: "up" if higher is better, "down" if lower is better.
      meaning: one plain sentence for the reader of a report.
      score: computes outcomes from the predictions of one entry of `sets`.
      sets: the tasks that `score` takes, for each test set.
      reduce: reduction over test sets: `np.mean`, `np.min` for the worst group, or a
        `WeightedMean`.
      needs_probs: whether `score` needs probabilities; without them the figure is missing.
    """

    name: str
    title: str
    goal: Literal["up", "down"]
    meaning: str
    score: Callable[..., Outcomes | None]
    sets: tuple[tuple[str, ...], ...]
    reduce: Callable[..., np.ndarray] = np.mean
    needs_probs: bool = False

    def predictions_of_sets(
        self, predictions: Mapping[str, Predictions]
    ) -> tuple[tuple[Predictions, ...], ...] | None:
        """Returns the predictions that `score` takes, for each test set; None if a task is missing.

        A mean over fewer test sets would be another figure. Needed probabilities that are missing
        count as a missing task.
        """
        predictions_of_sets = []
        for tasks in self.sets:
            if not set(tasks) <= predictions.keys():
                return None
            of_set = tuple(predictions[task] for task in tasks)
            if self.needs_probs and any(of_task.probs is None for of_task in of_set):
                return None
            predictions_of_sets.append(of_set)

        return tuple(predictions_of_sets)

    def outcomes(self, predictions: Mapping[str, Predictions]) -> tuple[Outcomes, ...] | None:
        """Returns the outcomes of each test set; None if a task is missing.

        A score returns None if the predictions lack what it needs. The row is then missing, too.
        """
        predictions_of_sets = self.predictions_of_sets(predictions)
        if predictions_of_sets is None:
            return None

        outcomes_of_sets = []
        for outcomes in itertools.starmap(self.score, predictions_of_sets):
            if outcomes is None:
                return None
            outcomes_of_sets.append(outcomes)
        return tuple(outcomes_of_sets)

    @property
    def counted_sets(self) -> tuple[tuple[str, ...], ...]:
        """The tasks whose clips count, for each of the first test sets."""
        return self.sets

    def outcomes_of_runs(
        self, runs: Iterable[Mapping[str, Predictions]]
    ) -> list[tuple[Outcomes, ...]] | None:
        """Returns the outcomes of several runs, `[set][run]`; None if a run lacks a task.

        Args:
          runs: predictions of each run, by task.
        """
        outcomes_of_runs = []
        for predictions in runs:
            outcomes = self.outcomes(predictions)
            if outcomes is None:
                return None
            outcomes_of_runs.append(outcomes)

        # From [run][set] to [set][run].
        return list(zip(*outcomes_of_runs, strict=True))


@dataclasses.dataclass(frozen=True)
class TaskGroups:
    """Groups of the test split, each of which has a task of its own.

    Attributes:
      name: what divides the clips.
      tasks: task of each group.
      training: number of training clips of each group.
    """

    name: str
    tasks: Mapping[str, str]
    training: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Suite:
    """The rows of one benchmark.

    Attributes:
      name: value of `config.eval.suite`.
      title: name of the data set, for the reader of a report.
      iid: task of the data set's own test split.
      rows: its figures, in the order of the paper's table.
      published: the paper's table; None if there is none.
      by_background: the same benchmark with one row for each background instead of means. None if
        there is only one background.
      task_groups: groups of the test split that have their own tasks; None if there are none.
    """

    name: str
    title: str
    iid: str
    rows: tuple[Row, ...]
    published: Published | None = None
    by_background: Optional["Suite"] = None
    task_groups: TaskGroups | None = None

    @property
    def tasks(self) -> dict[str, str]:
        """File name of each task's manifest. The IID task is the split `test` of manifest.csv."""
        manifest_of = {}
        for row in self.rows:
            for tasks in row.sets:
                for task in tasks:
                    manifest_of[task] = f"{task}.csv"

        # The data set's own test split is in the manifest that training uses.
        if self.iid in manifest_of:
            manifest_of[self.iid] = "manifest.csv"
        return manifest_of

    @property
    def temporal_tasks(self) -> dict[TemporalOrder, str]:
        """The test split with its frames in another order: {`reversed`: `hmdb51_reversed`, ...}."""
        return {order: f"{self.iid}_{order}" for order in TEMPORAL_ORDERS}

    @property
    def optional_tasks(self) -> dict[str, str]:
        """File name of the manifest of each optional set: appearance-free clips and HAT's sets."""
        tasks = [f"{self.iid}_afd", *(f"{self.name}_{end}" for end in HAT_SETS)]
        return {task: f"{task}.csv" for task in tasks}

    @property
    def every_task(self) -> tuple[str, ...]:
        """All tasks, including the temporal and optional ones, which only some runs have."""
        return (*self.tasks, *self.temporal_tasks.values(), *self.optional_tasks)

    def row(self, name: str) -> Row | None:
        """Returns the row with this name; None if there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        return None

    def tasks_of(self, row_name: str) -> tuple[str, ...]:
        """Returns the tasks of a row, in order; none if the suite has no such row."""
        row = self.row(row_name)
        return tuple(itertools.chain.from_iterable(row.sets)) if row else ()

    @property
    def title_of(self) -> dict[str, str]:
        """Titles of the rows, by name."""
        return {row.name: row.title for row in self.rows}

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(SCUBA task, SCUFO task) of each background."""
        for row in self.rows:
            if row.score is metrics.contrasted:
                return tuple((scuba, scufo) for scuba, scufo in row.sets)
        return ()


_MEANING = {
    "iid": "Share of the original test clips that are classified correctly.",
    "scuba": "Share classified correctly when the background is replaced and the moving "
    "foreground is kept.",
    "scufo": "Share classified correctly from one frame of such a clip, repeated. Nothing moves, "
    "so a correct prediction can only come from appearance.",
    "conflfg": "Share classified correctly when a motionless foreground of another class is "
    "pasted next to the moving one.",
    "contrasted": "Share of clips that are classified correctly while moving (SCUBA) but not as a "
    "still (SCUFO): predictions that need the motion.",
}


def bias_rows(
    iid: str, *, scuba: Sequence[str], scufo: Sequence[str], conflfg: str
) -> tuple[Row, ...]:
    """Returns the five rows of every bias suite, in the order of the paper's Table 1.

    Args:
      iid: task of the data set's own test split.
      scuba: SCUBA task of each background.
      scufo: SCUFO task of each background, in the same order.
      conflfg: the Confl-FG task.
    """

    def row(
        name: str,
        title: str,
        sets: Iterable[tuple[str, ...]],
        goal: Literal["up", "down"] = "up",
        score: Callable[..., Outcomes] = metrics.accuracy,
    ) -> Row:
        return Row(name, title, goal, _MEANING[name], score, tuple(sets))

    return (
        row("iid", "IID", [(iid,)]),
        row("scuba", "SCUBA", zip(scuba, strict=True)),
        row("scufo", "SCUFO", zip(scufo, strict=True), goal="down"),
        row("conflfg", "Confl-FG", [(conflfg,)]),
        row("contrasted", "Contrasted", zip(scuba, scufo, strict=True), score=metrics.contrasted),
    )


# The published backgrounds: end of the task's name -> title.
BACKGROUNDS = {"places365": "Places365", "vqgan": "VQGAN-CLIP", "stripe": "stripes"}


def published_suite(
    name: str,
    title: str,
    published: Published,
    *,
    iid: str | None = None,
    more_rows: Sequence[Row] = (),
    published_by_background: Published | None = None,
) -> Suite:
    """Returns the suite of a data set with the three published backgrounds.

    Confl-FG has one background, stripes.

    Args:
      name: name of the suite, and start of the names of its tasks.
      title: name of the data set.
      published: the paper's table.
      iid: task of the data set's own test split; `name` by default.
      more_rows: further rows of the data set, before contrasted accuracy.
      published_by_background: the paper's table with one row for each background.
    """
    iid = iid or name
    *rows, contrasted = bias_rows(
        iid,
        scuba=_tasks(name, "scuba"),
        scufo=_tasks(name, "scufo"),
        conflfg=f"{name}_conflfg_stripe",
    )
    suite = Suite(name, title, iid, (*rows, *more_rows, contrasted), published)
    return dataclasses.replace(
        suite, by_background=_rows_by_background(suite, published_by_background)
    )


def _tasks(dataset: str, kind: str) -> list[str]:
    """Returns the task of each published background."""
    return [f"{dataset}_{kind}_{background}" for background in BACKGROUNDS]


def _rows_by_background(suite: Suite, published: Published | None) -> Suite:
    """Returns `by_background` of a suite: the columns of the paper's Tables 7 and 8.

    Contrasted accuracy of each background is added.
    """
    # `*_` is Confl-FG, which has one background, and further rows of the data set.
    iid, scuba, scufo, *_, contrasted = suite.rows
    rows = (
        iid,
        *_row_of_each_background(scuba),
        *_row_of_each_background(scufo),
        contrasted,
        *_row_of_each_background(contrasted),
    )
    return Suite(suite.name, f"{suite.title}, by background", suite.iid, rows, published)


def _row_of_each_background(row: Row) -> list[Row]:
    rows = []
    for (background, title), tasks in zip(BACKGROUNDS.items(), row.sets, strict=True):
        names = {"name": f"{row.name}_{background}", "title": f"{row.title} {title}"}
        rows.append(dataclasses.replace(row, sets=(tasks,), **names))
    return rows
