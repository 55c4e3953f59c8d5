"""What an audit shows beyond the paper: pure functions over predictions, one idea in each file."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from albar_jax.evaluation.analyses.class_bias import ClassBias, class_bias
from albar_jax.evaluation.analyses.comparison import TESTS, Sets, compare_all
from albar_jax.evaluation.analyses.figures import Answered, Figure, figures
from albar_jax.evaluation.analyses.permutation import Difference
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Row, Suite

__all__ = [
    "Analysis",
    "ClassBias",
    "Comparison",
    "Difference",
    "Figure",
    "ModelAnalysis",
    "analyse",
]


@dataclasses.dataclass(frozen=True)
class ModelAnalysis:
    """One model, its seeds averaged; figures in percent, None where a figure cannot be told.

    Attributes:
      figures: for each figure of `figures(suite)`, the mean over seeds.
      sd: the standard deviation over seeds (n - 1 in the denominator), None for a single seed.
      classes: the figures of each class.
    """

    figures: dict[str, float | None]
    sd: dict[str, float | None]
    classes: ClassBias


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models by name; for each row of the suite the tested difference.

    None where a figure is missing, and for the smallest of several: what is tested is a difference of means.
    """

    first: str
    second: str
    rows: dict[str, Difference | None]


@dataclasses.dataclass(frozen=True)
class Analysis:
    """`models` are in the order of the summaries, `comparisons` all pairs of them; `figures` say what was measured."""

    figures: tuple[Figure, ...]
    models: tuple[ModelAnalysis, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def test(self) -> str | None:
        """Describes the test behind the p-values; None without comparisons."""
        known = [
            found for pair in self.comparisons for found in pair.rows.values() if found is not None
        ]
        return TESTS[any(found.seeds_count for found in known)] if self.comparisons else None

    def comparison(self, name: str, other: str) -> Comparison:
        """The comparison of two models, in whichever order."""
        return next(
            found for found in self.comparisons if {found.first, found.second} == {name, other}
        )


def analyse(
    suite: Suite,
    summaries: Sequence[ModelSummary],
    num_classes: int,
    foregrounds: Mapping[str, int] | None = None,
) -> Analysis:
    """Everything beyond the rows of the suite.

    Args:
      suite: the benchmark.
      summaries: the models.
      num_classes: K; the predictions name classes 0..K-1.
      foregrounds: the class of the foreground pasted into each Confl-FG clip, by id; None where it is not known.
    """
    wanted = figures(suite)
    return Analysis(
        figures=wanted,
        models=tuple(
            _model(suite, summary, wanted, num_classes, foregrounds or {}) for summary in summaries
        ),
        comparisons=_compare(suite, summaries),
    )


def _model(
    suite: Suite,
    summary: ModelSummary,
    wanted: Sequence[Figure],
    num_classes: int,
    foregrounds: Mapping[str, int],
) -> ModelAnalysis:
    answered = [Answered(suite, run.predictions, foregrounds) for run in summary.runs]
    values = {figure.name: [figure.measure(run) for run in answered] for figure in wanted}
    known = {name: np.multiply(100, found) for name, found in values.items() if None not in found}
    several = len(answered) > 1
    return ModelAnalysis(
        figures={name: float(known[name].mean()) if name in known else None for name in values},
        sd={
            name: float(known[name].std(ddof=1)) if several and name in known else None
            for name in values
        },
        classes=class_bias(suite, [run.predictions for run in summary.runs], num_classes),
    )


def _compare(suite: Suite, summaries: Sequence[ModelSummary]) -> tuple[Comparison, ...]:
    """Compares all pairs of models in each row; only means are tested."""
    by_row = {
        row.name: compare_all(
            [_outcomes(row, summary) if row.reduce is np.mean else None for summary in summaries]
        )
        for row in suite.rows
    }
    return tuple(
        Comparison(first.name, second.name, {name: pairs[index] for name, pairs in by_row.items()})
        for index, (first, second) in enumerate(combinations(summaries, 2))
    )


def _outcomes(row: Row, summary: ModelSummary) -> Sets | None:
    """Returns the outcomes of each run on each test set of a row, or None if one is missing."""
    runs = [row.outcomes(run.predictions) for run in summary.runs]
    return None if None in runs else list(zip(*runs, strict=True))
