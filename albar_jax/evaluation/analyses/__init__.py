"""Analyses beyond the paper: pure functions over predictions, one subject in each file."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from albar_jax.evaluation import averages
from albar_jax.evaluation.analyses.class_bias import ClassBias, class_bias
from albar_jax.evaluation.analyses.comparison import TESTS, Sets, compare_all
from albar_jax.evaluation.analyses.figures import EvaluatedRun, Figure, figures
from albar_jax.evaluation.analyses.permutation import Difference
from albar_jax.evaluation.results import ModelSummary, Results
from albar_jax.evaluation.suites import Row

__all__ = [
    "Analysis",
    "ClassBias",
    "Comparison",
    "Difference",
    "Figure",
    "ModelAnalysis",
    "analyse",
    "compare",
]


@dataclasses.dataclass(frozen=True)
class ModelAnalysis:
    """The analysis of one model. Figures are in percent; None if a run does not have the figure.

    Attributes:
      figures: mean over seeds of each figure of `figures(suite)`.
      sd: standard deviation over seeds, with n - 1 in the denominator. None for a single seed.
      classes: figures of each class.
    """

    figures: dict[str, float | None]
    sd: dict[str, float | None]
    classes: ClassBias


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The comparison of two models.

    Attributes:
      first: name of a model.
      second: name of the other model.
      rows: difference in each row of the suite. None if a figure is missing, or if the row is not a
        mean over test sets; only differences of means are tested.
    """

    first: str
    second: str
    rows: dict[str, Difference | None]


@dataclasses.dataclass(frozen=True)
class Analysis:
    """The analyses of all models.

    Attributes:
      figures: descriptions of the measured figures.
      models: one analysis for each model, in the order of the summaries.
      comparisons: comparisons of all pairs of models.
    """

    figures: tuple[Figure, ...]
    models: tuple[ModelAnalysis, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def test(self) -> str | None:
        """Description of the test behind the p-values; None without comparisons."""
        if not self.comparisons:
            return None

        seeds_count = False
        for comparison in self.comparisons:
            for difference in comparison.rows.values():
                if difference is not None:
                    seeds_count |= difference.seeds_count
        return TESTS[seeds_count]

    def comparison(self, name: str, other: str) -> Comparison:
        """Returns the comparison of two models, given in any order."""
        for comparison in self.comparisons:
            if {comparison.first, comparison.second} == {name, other}:
                return comparison
        raise KeyError((name, other))


def analyse(
    results: Results, num_classes: int, foregrounds: Mapping[str, int] | None = None
) -> Analysis:
    """Computes everything beyond the rows of the suite.

    Args:
      results: the results of the models.
      num_classes: K; the predicted classes are 0..K-1.
      foregrounds: class of the foreground pasted into each Confl-FG clip, by id; None if unknown.
    """
    described = figures(results.suite)
    models = []
    for summary in results.summaries:
        models.append(_analyse_model(results, summary, described, num_classes, foregrounds or {}))
    return Analysis(described, tuple(models), compare(results))


def _analyse_model(
    results: Results,
    summary: ModelSummary,
    described: Sequence[Figure],
    num_classes: int,
    foregrounds: Mapping[str, int],
) -> ModelAnalysis:
    runs = [EvaluatedRun(results.suite, run.predictions, foregrounds) for run in summary.runs]
    mean: dict[str, float | None] = {}
    sd: dict[str, float | None] = {}
    for figure in described:
        # Runs have shares, tables have percent.
        percents = [_percent(figure.measure(run)) for run in runs]
        mean[figure.name] = averages.mean(percents)
        sd[figure.name] = averages.sd(percents)

    return ModelAnalysis(mean, sd, class_bias(results.suite, summary.predictions, num_classes))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def compare(results: Results) -> tuple[Comparison, ...]:
    """Compares all pairs of models in each row, with Holm's correction over the pairs of a row."""
    rows_of_pair: dict[tuple[str, str], dict[str, Difference | None]] = {}
    for pair in combinations(results.names, 2):
        rows_of_pair[pair] = {}

    for row in results.suite.rows:
        # `compare_all` returns the pairs in the order of `combinations`.
        outcomes = [_outcomes(row, summary) for summary in results.summaries]
        for rows, difference in zip(rows_of_pair.values(), compare_all(outcomes), strict=True):
            rows[row.name] = difference

    comparisons = []
    for (first, second), rows in rows_of_pair.items():
        comparisons.append(Comparison(first, second, rows))
    return tuple(comparisons)


def _outcomes(row: Row, summary: ModelSummary) -> Sets | None:
    """Returns the outcomes of a row, [set][run].

    None if a run lacks a task, or if the row is not a mean over test sets.
    """
    if row.reduce is not np.mean:
        return None
    return row.outcomes_of_runs(summary.predictions)
