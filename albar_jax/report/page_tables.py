"""Formats significance marks and differences, for tables and sentences."""

from albar_jax.evaluation.analyses import Analysis, Difference
from albar_jax.evaluation.results import Results
from albar_jax.report.cells import MISSING

# A difference with a smaller corrected p-value is clear.
SIGNIFICANT = 0.05


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
