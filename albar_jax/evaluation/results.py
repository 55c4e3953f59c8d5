"""From the predictions of single runs to the rows of a model: mean, sd over seeds, bootstrap interval."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation import bootstrap
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites import Suite


@dataclasses.dataclass(frozen=True, eq=False)
class ModelRun:
    """The evaluation of one trained model.

    Attributes:
      name: name of its recipe (`ce`, `albar`); runs with the same name are averaged over seeds.
      seed: training seed.
      checkpoint_step: step of the evaluated checkpoint; None if unknown.
      predictions: predictions by task.
      history: training records, each with `step` and logged metrics; empty if unknown.
      cost_plain_steps: cost of the training in steps of plain training; None if unknown.
      train_seconds: duration of the training in seconds; None if unknown.
      views: description of the averaged views by task; tasks are missing if unknown.
    """

    name: str
    seed: int
    checkpoint_step: int | None
    predictions: Mapping[str, Predictions]
    history: Sequence[Mapping[str, float]] = ()
    cost_plain_steps: float | None = None
    train_seconds: float | None = None
    views: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ModelSummary:
    """All runs of one name. Every figure is in percent; None where a task is missing (sd: or for a single seed).

    Attributes:
      name: the name of the recipe.
      runs: its runs, by seed.
      rows: for each row of the suite, the mean over seeds.
      sd: the standard deviation over seeds (n - 1 in the denominator).
      interval: the bootstrap 95 % interval over test videos, seeds pooled.
      per_seed: the rows of each run.
      cost_plain_steps: mean over the runs.
    """

    name: str
    runs: tuple[ModelRun, ...]
    rows: dict[str, float | None]
    sd: dict[str, float | None]
    interval: dict[str, tuple[float, float] | None]
    per_seed: tuple[dict[str, float | None], ...]
    cost_plain_steps: float | None

    @property
    def seeds(self) -> tuple[int, ...]:
        """The training seeds, ascending."""
        return tuple(run.seed for run in self.runs)


def rows(suite: Suite, predictions: Mapping[str, Predictions]) -> dict[str, float | None]:
    """The figures of one run in percent, None for a row that misses a task."""
    figures: dict[str, float | None] = {}
    for row in suite.rows:
        outcomes = row.outcomes(predictions)
        figures[row.name] = (
            None if outcomes is None else 100 * float(row.reduce([o.mean for o in outcomes]))
        )
    return figures


def unpaired(suite: Suite, predictions: Mapping[str, Predictions]) -> dict[str, tuple[str, ...]]:
    """The clips that a row leaves out for want of a partner, for each row that has such clips."""
    found = {
        row.name: tuple(
            clip for outcomes in row.outcomes(predictions) or () for clip in outcomes.unpaired
        )
        for row in suite.rows
    }
    return {name: clips for name, clips in found.items() if clips}


def summarise(suite: Suite, runs: Sequence[ModelRun]) -> tuple[ModelSummary, ...]:
    """One summary for each name, in order of first appearance.

    Raises:
      UserError: no run, two runs of one name and seed, or runs without any task of the suite.
    """
    if not runs:
        raise UserError("There is no model to summarise; give at least one.")
    for run in runs:
        if not set(run.predictions) & set(suite.tasks):
            raise UserError(
                f"'{run.name}' (seed {run.seed}) has no predictions for the suite '{suite.name}', whose tasks are "
                f"{', '.join(suite.tasks)}."
            )
    runs = _complete(runs)
    names = dict.fromkeys(run.name for run in runs)
    return tuple(_summary(suite, [run for run in runs if run.name == name]) for name in names)


def _complete(runs: Sequence[ModelRun]) -> list[ModelRun]:
    """Marks as left out the clips of a test set that other runs have and this run lacks.

    Test sets without a common clip count as different, as when each seed has its own videos.
    """
    known: dict[str, list[dict[str, int]]] = {}
    for run in runs:
        for task, predictions in run.predictions.items():
            known.setdefault(task, []).append(_clips(predictions))

    def completed(task: str, predictions: Predictions) -> Predictions:
        own = _clips(predictions)
        others = [clips for clips in known[task] if clips.keys() & own.keys()]
        return predictions.within(
            {clip: label for clips in others for clip, label in clips.items()}
        )

    return [
        dataclasses.replace(
            run,
            predictions={task: completed(task, found) for task, found in run.predictions.items()},
        )
        for run in runs
    ]


def _clips(predictions: Predictions) -> dict[str, int]:
    return dict(zip(predictions.ids, predictions.labels.tolist(), strict=True)) | dict(
        predictions.left_out
    )


def nothing(suite: Suite, name: str) -> ModelSummary:
    """A model that has not been trained yet: a line of dashes."""
    none = dict.fromkeys(row.name for row in suite.rows)
    return ModelSummary(
        name, runs=(), rows=none, sd=none, interval=none, per_seed=(), cost_plain_steps=None
    )


def _summary(suite: Suite, runs: Sequence[ModelRun]) -> ModelSummary:
    runs = tuple(sorted(runs, key=lambda run: run.seed))
    for first, second in zip(runs, runs[1:], strict=False):
        if first.seed == second.seed:
            raise UserError(
                f"Two runs are named '{first.name}' and have seed {first.seed}; an average over seeds needs "
                "different seeds, and different recipes need different names."
            )
    per_seed = tuple(rows(suite, run.predictions) for run in runs)
    columns = {row.name: [figures[row.name] for figures in per_seed] for row in suite.rows}
    costs = [run.cost_plain_steps for run in runs]
    return ModelSummary(
        name=runs[0].name,
        runs=runs,
        rows={name: _mean(values) for name, values in columns.items()},
        sd={name: _sd(values) for name, values in columns.items()},
        interval=_intervals(suite, runs),
        per_seed=per_seed,
        cost_plain_steps=_mean(costs),
    )


def _intervals(suite: Suite, runs: Sequence[ModelRun]) -> dict[str, tuple[float, float] | None]:
    intervals: dict[str, tuple[float, float] | None] = {}
    for row in suite.rows:
        outcomes = [row.outcomes(run.predictions) for run in runs]
        if any(sets is None for sets in outcomes):
            intervals[row.name] = None
            continue
        low, high = bootstrap.interval(list(zip(*outcomes, strict=True)), reduce=row.reduce)
        intervals[row.name] = (100 * low, 100 * high)
    return intervals


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))


def _sd(values: Sequence[float | None]) -> float | None:
    return None if None in values or len(values) < 2 else float(np.std(values, ddof=1))
