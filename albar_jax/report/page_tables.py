"""The tables of a report as text: cells, marks of significance, classes in order."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation.analyses import Analysis, ClassBias, Difference
from albar_jax.evaluation.analyses.class_bias import largest
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Suite
from albar_jax.report.tables import MISSING

SIGNIFICANT = 0.05


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """One class of one model: its name, clips, cells under `class_header`, and the two shares of its bar in percent."""

    name: str
    clips: int
    left_out: int
    cells: tuple[str, ...]
    motion: float | None
    still: float | None


def best(suite: Suite, summaries: Sequence[ModelSummary]) -> dict[str, int]:
    """The index of the model with the best figure of each row, where several models have one."""
    found = {}
    for row in suite.rows:
        values = {
            i: summary.rows[row.name]
            for i, summary in enumerate(summaries)
            if summary.rows[row.name] is not None
        }
        if len(values) > 1:
            found[row.name] = (max if row.goal == "up" else min)(values, key=values.get)
    return found


def marks(
    suite: Suite, summaries: Sequence[ModelSummary], analysis: Analysis
) -> list[dict[str, bool]]:
    """Returns, for each model and row, whether it differs significantly from the row's best.

    The p-values are corrected for all pairs of the row, because the best model is selected by its
    figure.
    """
    leader = best(suite, summaries)

    def differs(index: int, row: str) -> bool:
        if row not in leader or leader[row] == index:
            return False
        difference = analysis.comparison(summaries[index].name, summaries[leader[row]].name).rows[
            row
        ]
        return difference is not None and difference.p_adjusted < SIGNIFICANT

    return [
        {row.name: differs(index, row.name) for row in suite.rows}
        for index in range(len(summaries))
    ]


def figure(mean: float | None, sd: float | None) -> str:
    """Mean ± sd over seeds, the mean alone for a single seed."""
    if mean is None:
        return MISSING
    return f"{mean:.1f}" if sd is None else f"{mean:.1f} ± {sd:.1f}"


def difference(found: Difference | None) -> str:
    """Formats a difference in percentage points, `+12.3 (p = 0.004)`, with the corrected p."""
    if found is None:
        return MISSING
    points = round(100 * found.value, 1) + 0.0  # not -0.0
    return f"{points:+.1f} ({p_text(found.p_adjusted)})".replace("-", "\u2212")


def p_text(p_value: float) -> str:
    """Formats a p-value: `p = 0.004`, or `p < 0.001`."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def class_header(suite: Suite) -> list[str]:
    """The columns of the table of classes, after its name and its bar."""
    return [
        *(row.title for row in suite.rows),
        "Lost with the background",
        "Lost to a pasted foreground",
    ]


def class_rows(suite: Suite, bias: ClassBias, classes: Sequence[str]) -> list[ClassRow]:
    """The classes that have clips, those most read from looks first, of equals those most read from the background."""
    columns = [*(bias.rows[row.name] for row in suite.rows), bias.background, bias.conflict]
    motion, still = bias.rows.get("contrasted"), bias.rows.get("scufo")
    rows = [
        ClassRow(
            name,
            int(bias.clips[label]),
            int(bias.left_out[label]),
            tuple(_percent(column, label) for column in columns),
            _number(motion, label),
            _number(still, label),
        )
        for label, name in enumerate(classes)
        if bias.clips[label] > 0 or bias.left_out[label] > 0 or _number(still, label) is not None
    ]
    background = {name: _number(bias.background, label) for label, name in enumerate(classes)}
    return sorted(
        rows, key=lambda row: (-_or_low(row.still), -_or_low(background[row.name]), row.name)
    )


def leaders(bias: ClassBias, classes: Sequence[str]) -> dict[str, str]:
    """The classes most read from each source, as text: {`the background`: `climb (45), golf (30)`, ...}."""
    sources = {
        "the background": bias.background,
        "the looks of the foreground": bias.rows.get("scufo"),
        "motion": bias.rows.get("contrasted"),
    }
    named = {
        source: ", ".join(f"{classes[label]} ({figures[label]:.0f})" for label in largest(figures))
        for source, figures in sources.items()
    }
    return {source: text for source, text in named.items() if text}


def _or_low(value: float | None) -> float:
    return -1000.0 if value is None else value


def _number(figures: np.ndarray | None, label: int) -> float | None:
    return None if figures is None or np.isnan(figures[label]) else float(figures[label])


def _percent(figures: np.ndarray | None, label: int) -> str:
    value = _number(figures, label)
    # A whole number, not ".0f", which would write -0.
    return MISSING if value is None else str(round(value)).replace("-", "\u2212")
