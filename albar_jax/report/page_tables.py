"""Formats significance marks, differences and figures of classes, for tables and sentences."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation.analyses import Analysis, ClassBias, Difference
from albar_jax.evaluation.analyses.class_bias import figure_of_class, largest_classes
from albar_jax.evaluation.results import Results
from albar_jax.evaluation.suites import Suite
from albar_jax.report.cells import MISSING

# A difference with a smaller corrected p-value is clear.
SIGNIFICANT = 0.05


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """The table row of one class of one model.

    Attributes:
      name: name of the class.
      clips: number of tested clips.
      left_out: number of left-out clips.
      cells: text of the columns of `class_header`.
      motion: share of the bar for predictions that need the motion, in percent; None if unknown.
      still: share of the bar for stills that are correct, in percent; None if unknown.
    """

    name: str
    clips: int
    left_out: int
    cells: tuple[str, ...]
    motion: float | None
    still: float | None


def best(results: Results) -> dict[str, int]:
    """Returns the index of the best model by row, for rows with figures of several models."""
    best_of: dict[str, int] = {}
    for row in results.suite.rows:
        figures = {}
        for index, summary in enumerate(results.summaries):
            if summary.mean[row.name] is not None:
                figures[index] = summary.mean[row.name]
        # A single figure is not the best of several.
        if len(figures) > 1:
            choose = {"up": max, "down": min}[row.goal]
            best_of[row.name] = choose(figures, key=figures.get)

    return best_of


def marks(results: Results, analysis: Analysis) -> list[dict[str, bool]]:
    """Returns for each model and row whether it differs significantly from the row's best.

    The p-values are corrected for all pairs of the row, because the best model is selected by its
    figure.
    """
    best_of = best(results)
    marks_of_models = []
    for index, summary in enumerate(results.summaries):
        mark_of = {}
        for row in results.suite.rows:
            mark_of[row.name] = False
            # The best model has no mark. A row without a best model has no marks.
            if best_of.get(row.name, index) != index:
                other = results.summaries[best_of[row.name]]
                comparison = analysis.comparison(summary.name, other.name)
                mark_of[row.name] = is_clear(comparison.rows[row.name])
        marks_of_models.append(mark_of)

    return marks_of_models


def is_clear(difference: Difference | None) -> bool:
    """Returns whether a difference is significant after the correction for all pairs."""
    return difference is not None and difference.p_adjusted < SIGNIFICANT


def difference_text(difference: Difference | None) -> str:
    """Formats a difference in percentage points, `+12.3 (p = 0.004)`, with the corrected p."""
    if difference is None:
        return MISSING

    # The sum with 0.0 turns -0.0 into 0.0.
    points = round(100 * difference.value, 1) + 0.0
    return f"{points:+.1f} ({p_text(difference.p_adjusted)})".replace("-", "\u2212")


def p_text(p_value: float) -> str:
    """Formats a p-value: `p = 0.004`, or `p < 0.001`."""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.3f}"


def class_header(suite: Suite) -> list[str]:
    """Returns the headings of the class table after name, bar and number of clips."""
    titles = suite.title_of.values()
    return [*titles, "Lost with the background", "Lost to a pasted foreground"]


def class_rows(suite: Suite, bias: ClassBias, classes: Sequence[str]) -> list[ClassRow]:
    """Returns rows for classes with at least one clip.

    They are sorted by SCUFO accuracy, then by the loss with the background, both descending, then
    by name.
    """
    # The columns of `class_header`, in its order.
    columns = [bias.rows[row.name] for row in suite.rows]
    columns += [bias.background, bias.conflict]

    # A class with a figure but without clips in the first task has a row, too.
    rows, order_of = [], {}
    for label, name in enumerate(classes):
        still = figure_of_class(bias.rows.get("scufo"), label)
        if not bias.clips[label] and not bias.left_out[label] and still is None:
            continue
        rows.append(
            ClassRow(
                name,
                int(bias.clips[label]),
                int(bias.left_out[label]),
                tuple(_percent(column, label) for column in columns),
                motion=figure_of_class(bias.rows.get("contrasted"), label),
                still=still,
            )
        )
        background = figure_of_class(bias.background, label)
        order_of[name] = (-_or_low(still), -_or_low(background), name)

    return sorted(rows, key=lambda row: order_of[row.name])


def leaders(bias: ClassBias, classes: Sequence[str]) -> dict[str, str]:
    """Lists the classes with the strongest use of each source.

    Returns:
      {source: classes with their figures}, such as {`the background`: `climb (45), golf (30)`}.
      Sources without such a class are missing.
    """
    sources = {
        "the background": bias.background,
        "the appearance of the foreground": bias.rows.get("scufo"),
        "motion": bias.rows.get("contrasted"),
    }
    leaders = {}
    for source, figures in sources.items():
        labels = largest_classes(figures)
        if figures is not None and labels:
            leaders[source] = ", ".join(f"{classes[k]} ({figures[k]:.0f})" for k in labels)

    return leaders


def _or_low(value: float | None) -> float:
    """Returns a number that sorts below every figure for None."""
    if value is None:
        return -1000.0
    return value


def _percent(figures: np.ndarray | None, label: int) -> str:
    value = figure_of_class(figures, label)
    if value is None:
        return MISSING
    # `round` returns an int, so that there is no -0.
    return str(round(value)).replace("-", "\u2212")
