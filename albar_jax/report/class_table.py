"""Formats the figures of each class of each model as one table."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax.evaluation.analyses import ClassBias
from albar_jax.evaluation.analyses.class_bias import (
    figure_of_class,
    figures_by_class,
    largest_classes,
)
from albar_jax.evaluation.results import ModelSummary
from albar_jax.report.cells import MISSING
from albar_jax.report.report_data import ReportData

# Rows of the optional sets that the table has: they need no masks.
_OPTIONAL = ("static", "needs_motion", "afd")
_LOST = {"background": "Lost with the background", "conflict": "Lost to a pasted foreground"}

# Figures of the classes in percent (K,), by key; None if they are not measured.
Columns = Mapping[str, np.ndarray | None]


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """The figures of one class of one model.

    Attributes:
      name: name of the class.
      clips: number of tested clips.
      left_out: number of left-out clips.
      cells: text of each column.
      motion: share of the bar for predictions that need the motion, in percent; None if unknown.
      still: share of the bar for stills that are correct, in percent; None if unknown.
    """

    name: str
    clips: int
    left_out: int
    cells: tuple[str, ...]
    motion: float | None
    still: float | None


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """The table of all models.

    Attributes:
      titles: headings of the columns after name, bar and number of clips.
      motion: heading of the figure in the bar that needs the motion; None without a bar.
      still: heading of the other figure in the bar; None without a bar.
      models: name of each model, with {source: the classes that use it most} and its rows.
    """

    titles: tuple[str, ...]
    motion: str | None
    still: str | None
    models: tuple[tuple[str, dict[str, str], list[ClassRow]], ...]


def class_table(data: ReportData) -> ClassTable:
    """Returns the table, with the columns that some model has figures for."""
    columns_of = []
    for summary, analysis in zip(data.summaries, data.analysis.models, strict=True):
        columns_of.append(_columns(data, summary, analysis.classes))

    titles = {key: title for key, title in _titles(data).items() if _is_measured(key, columns_of)}
    motion = _first(titles, "contrasted", "needs_motion")
    still = _first(titles, "scufo", "static")
    models = []
    for summary, analysis, columns in zip(
        data.summaries, data.analysis.models, columns_of, strict=True
    ):
        shown = {key: columns[key] for key in titles}
        rows = _rows(analysis.classes, data.classes, shown, (motion, still))
        models.append((summary.name, _leaders(columns, data.classes), rows))
    return ClassTable(tuple(titles.values()), titles.get(motion), titles.get(still), tuple(models))


def _columns(data: ReportData, summary: ModelSummary, bias: ClassBias) -> Columns:
    columns = {**bias.rows, "background": bias.background, "conflict": bias.conflict}
    if data.optional is not None:
        for row in data.optional.suite.rows:
            if row.name in _OPTIONAL:
                figures = figures_by_class(row, summary.predictions, len(data.classes))
                columns[row.name] = figures
    return columns


def _titles(data: ReportData) -> dict[str, str]:
    """Returns the headings of all columns by key, in the order of the table."""
    titles = {row.name: row.title for row in data.suite.rows} | _LOST
    if data.optional is not None:
        for row in data.optional.suite.rows:
            if row.name in _OPTIONAL:
                titles[row.name] = row.title
    return titles


def _is_measured(key: str, columns_of: Sequence[Columns]) -> bool:
    for columns in columns_of:
        figures = columns.get(key)
        if figures is not None and not np.isnan(figures).all():
            return True
    return False


def _first(titles: Mapping[str, str], *keys: str) -> str:
    """Returns the first of two keys that the table has; the last if it has none."""
    return next((key for key in keys if key in titles), keys[-1])


def _rows(
    bias: ClassBias, classes: Sequence[str], columns: Columns, bar: tuple[str, str]
) -> list[ClassRow]:
    """Returns rows for classes with at least one clip.

    They are sorted by the accuracy on stills, then by the loss with the background, both
    descending, then by name.
    """
    motion, still = bar
    rows, order_of = [], {}
    for label, name in enumerate(classes):
        shown = figure_of_class(columns.get(still), label)
        # A class with a figure but without clips in the first task has a row, too.
        if not bias.clips[label] and not bias.left_out[label] and shown is None:
            continue
        cells = tuple(_percent(column, label) for column in columns.values())
        rows.append(
            ClassRow(
                name,
                int(bias.clips[label]),
                int(bias.left_out[label]),
                cells,
                motion=figure_of_class(columns.get(motion), label),
                still=shown,
            )
        )
        background = figure_of_class(bias.background, label)
        order_of[name] = (-_or_low(shown), -_or_low(background), name)

    return sorted(rows, key=lambda row: order_of[row.name])


def _leaders(columns: Columns, classes: Sequence[str]) -> dict[str, str]:
    """Lists the classes with the strongest use of each source.

    Returns:
      {source: classes with their figures}, such as {`the background`: `climb (45), golf (30)`}.
      Sources without such a class are missing.
    """
    sources = {
        "the background": columns.get("background"),
        "the appearance of the foreground": columns.get("scufo"),
        "a single frame": columns.get("static"),
        "motion": columns.get("contrasted"),
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
