"""Summarizes the predictions of runs: mean, standard deviation over seeds, bootstrap interval."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence

from albar_jax.errors import UserError
from albar_jax.evaluation import averages, bootstrap
from albar_jax.evaluation.appearance_motion import AppearanceMotion
from albar_jax.evaluation.missing_clips import mark_missing
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites import Row, Suite


@dataclasses.dataclass(frozen=True, eq=False)
class ModelRun:
    """The evaluation of one trained model.

    Attributes:
      name: name of its recipe (`ce`, `albar`). Runs with the same name are averaged over seeds.
      seed: training seed.
      checkpoint_step: step of the evaluated checkpoint; None if unknown.
      predictions: predictions by task.
      history: training records, each with `step` and logged metrics; empty if unknown.
      cost_plain_steps: cost of the training in steps of plain training; None if unknown.
      cost_factor: cost of the training in costs of the row that a study refers to; None if unknown.
      train_seconds: duration of the training in seconds; None if unknown.
      views: description of the averaged views by task. A task is missing if unknown.
      split: appearance and motion in the scores of the original test clips; None if not measured.
    """

    name: str
    seed: int
    checkpoint_step: int | None
    predictions: Mapping[str, Predictions]
    history: Sequence[Mapping[str, float]] = ()
    cost_plain_steps: float | None = None
    cost_factor: float | None = None
    train_seconds: float | None = None
    views: Mapping[str, str] = dataclasses.field(default_factory=dict)
    split: AppearanceMotion | None = None

    @property
    def label(self) -> str:
        """Name and seed as text: `ce, seed 0`."""
        return f"{self.name}, seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class ModelSummary:
    """All runs of one recipe. Figures are in percent, by row of the suite.

    A figure is None if a run lacks a task of the row.

    Attributes:
      name: name of the recipe.
      runs: its runs, sorted by seed.
      mean: mean over seeds.
      sd: standard deviation over seeds, with n - 1 in the denominator. None for a single seed.
      interval: bootstrap 95 % interval (low, high) over test videos, all seeds together.
      per_seed: figures of each run.
      cost_plain_steps: mean cost over the runs; None if one is unknown.
      cost_factor: mean over the runs of the cost in costs of the row that a study refers to; None
        if one is unknown.
    """

    name: str
    runs: tuple[ModelRun, ...]
    mean: dict[str, float | None]
    sd: dict[str, float | None]
    interval: dict[str, tuple[float, float] | None]
    per_seed: tuple[dict[str, float | None], ...]
    cost_plain_steps: float | None
    cost_factor: float | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Training seeds, ascending."""
        return tuple(run.seed for run in self.runs)

    @property
    def predictions(self) -> list[Mapping[str, Predictions]]:
        """Predictions of each run, by task."""
        return [run.predictions for run in self.runs]


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
    """The results of several models on one suite: everything that a report starts from.

    Attributes:
      suite: the benchmark.
      summaries: one summary for each model, in the order of display.
    """

    suite: Suite
    summaries: tuple[ModelSummary, ...]

    @property
    def runs(self) -> tuple[ModelRun, ...]:
        """The runs of all models."""
        runs: list[ModelRun] = []
        for summary in self.summaries:
            runs += summary.runs
        return tuple(runs)

    @property
    def names(self) -> list[str]:
        """Names of the models, in the order of display."""
        return [summary.name for summary in self.summaries]

    @functools.cached_property
    def by_background(self) -> "Results | None":
        """The same runs on `suite.by_background`.

        None if the suite has no such rows, or if no run has all tasks of an additional row.
        """
        suite = self.suite.by_background
        if suite is None:
            return None

        results = _summarise_once(suite, self.runs)
        # Without a figure in an additional row, the table would repeat the means.
        additional = suite.title_of.keys() - self.suite.title_of.keys()
        for summary in results.summaries:
            for name in additional:
                if summary.mean[name] is not None:
                    return results
        return None

    def on(self, suite: Suite) -> "Results":
        """Returns the same runs on other rows of the benchmark; a run may lack all of their tasks.

        Args:
          suite: the rows.
        """
        summaries = []
        for summary in self.summaries:
            if summary.runs:
                summaries.append(_summary(suite, summary.runs))
            else:
                summaries.append(untrained(suite, summary.name))
        return Results(suite, tuple(summaries))

    def select(self, names: Iterable[str]) -> "Results":
        """Returns the summaries with these names, in this order; missing ones are skipped."""
        names_with_runs = set(self.names)
        return self.complete(name for name in names if name in names_with_runs)

    def complete(self, names: Iterable[str]) -> "Results":
        """Returns one summary for each name, in this order; a missing one has no run."""
        summary_of = dict(zip(self.names, self.summaries, strict=True))
        summaries = []
        for name in names:
            summaries.append(summary_of.get(name) or untrained(self.suite, name))
        return Results(self.suite, tuple(summaries))


def row_figures(suite: Suite, predictions: Mapping[str, Predictions]) -> dict[str, float | None]:
    """Computes the figures of one run in percent; None for a row that lacks a task."""
    figures: dict[str, float | None] = {}
    for row in suite.rows:
        outcomes = row.outcomes(predictions)
        if outcomes is None:
            figures[row.name] = None
        else:
            # The reduction over test sets is usually a mean over backgrounds.
            shares = [of_set.mean for of_set in outcomes]
            figure = 100 * float(row.reduce(shares))
            # A ratio to an accuracy of 0 is not defined.
            figures[row.name] = None if math.isnan(figure) else figure

    return figures


def unpaired_clips(
    suite: Suite, predictions: Mapping[str, Predictions]
) -> dict[str, tuple[str, ...]]:
    """Returns the clips without a partner by row; rows without such clips are missing."""
    unpaired = {}
    for row in suite.rows:
        clips: list[str] = []
        for outcomes in row.outcomes(predictions) or ():
            clips += outcomes.unpaired
        if clips:
            unpaired[row.name] = tuple(clips)

    return unpaired


def summarise(suite: Suite, runs: Sequence[ModelRun]) -> Results:
    """Summarizes runs by name, in order of first appearance.

    Raises:
      UserError: there is no run, two runs have the same name and seed, or a run has no task of the
        suite.
    """
    if not runs:
        raise UserError("there is no model to summarize; give at least one")
    for run in runs:
        # Such a run has only dashes, which usually means a wrong suite.
        if not set(run.predictions) & set(suite.every_task):
            raise UserError(
                f"'{run.name}' (seed {run.seed}) has no predictions for the suite '{suite.name}'; "
                f"its tasks are {', '.join(suite.tasks)}"
            )

    # Counts of left-out clips need the clips of all runs.
    marked = mark_missing([run.predictions for run in runs])
    runs_of: dict[str, list[ModelRun]] = {}
    for run, predictions in zip(runs, marked, strict=True):
        marked_run = dataclasses.replace(run, predictions=predictions)
        runs_of.setdefault(run.name, []).append(marked_run)

    summaries = [_summary(suite, group) for group in runs_of.values()]
    return Results(suite, tuple(summaries))


# Each output format asks for it, and the intervals of a large test set take seconds.
@functools.lru_cache(maxsize=1)
def _summarise_once(suite: Suite, runs: tuple[ModelRun, ...]) -> Results:
    return summarise(suite, runs)


def untrained(suite: Suite, name: str) -> ModelSummary:
    """Returns the summary of a model without runs; all its figures are None."""
    missing = dict.fromkeys(suite.title_of)
    return ModelSummary(
        name,
        runs=(),
        mean=missing,
        sd=missing,
        interval=missing,
        per_seed=(),
        cost_plain_steps=None,
    )


def _summary(suite: Suite, runs: Sequence[ModelRun]) -> ModelSummary:
    runs = tuple(sorted(runs, key=lambda run: run.seed))
    for first, second in zip(runs, runs[1:], strict=False):
        # Two runs of one seed would be averaged as if they were independent.
        if first.seed == second.seed:
            raise UserError(
                f"two runs are named '{first.name}' and have seed {first.seed}; give runs of one "
                "recipe different seeds, and different recipes different names"
            )

    predictions_of_runs = [run.predictions for run in runs]
    per_seed = tuple(row_figures(suite, predictions) for predictions in predictions_of_runs)
    mean, sd, interval = {}, {}, {}
    for row in suite.rows:
        figures = [of_run[row.name] for of_run in per_seed]
        mean[row.name] = averages.mean(figures)
        sd[row.name] = averages.sd(figures)
        interval[row.name] = None
        if mean[row.name] is not None:
            interval[row.name] = _interval(row, predictions_of_runs)

    return ModelSummary(
        name=runs[0].name,
        runs=runs,
        mean=mean,
        sd=sd,
        interval=interval,
        per_seed=per_seed,
        cost_plain_steps=averages.mean([run.cost_plain_steps for run in runs]),
        cost_factor=averages.mean([run.cost_factor for run in runs]),
    )


def _interval(
    row: Row, predictions_of_runs: Sequence[Mapping[str, Predictions]]
) -> tuple[float, float] | None:
    sets = row.outcomes_of_runs(predictions_of_runs)
    if sets is None:
        return None
    low, high = bootstrap.interval(sets, reduce=row.reduce)
    return 100 * low, 100 * high
