"""Renders report.html, a self-contained page that shows the results and their meaning."""

import os

from albar_jax import files
from albar_jax.evaluation.analyses import Figure
from albar_jax.evaluation.suites import Row
from albar_jax.report import (
    appearance_motion,
    cells,
    cost_cells,
    evidence,
    further,
    page_tables,
    plots,
)
from albar_jax.report.class_table import class_table
from albar_jax.report.confusions import draw_confusions
from albar_jax.report.headline import headline
from albar_jax.report.pages import render_page
from albar_jax.report.report_data import ReportData
from albar_jax.report.strips import draw_strips

# The script that follows links needs the others before it.
_SCRIPTS = ("sort.js", "choose.js", "player.js", "fold.js", "contents.js", "fragment.js")
_STYLES = ("report.css", "page.css")
# With more classes, their names are not legible next to a confusion matrix.
_MAX_NAMED = 16
# With more classes, figures are not legible inside a confusion matrix.
_MAX_NUMBERED = 10


def write(path: str | os.PathLike, data: ReportData) -> None:
    """Writes the page atomically."""
    files.write_text(path, render(data))


def render(data: ReportData) -> str:
    """Returns the page as HTML.

    The page makes no network request, and all text from outside is escaped. Its
    Content-Security-Policy lets browsers apply only its own style and script, and load nothing.
    """
    differences = None
    if data.evidence is not None:
        differences = evidence.difference_table(data.evidence, data.results)
    return render_page(
        "report.html.jinja",
        _STYLES,
        _SCRIPTS,
        suite=data.suite,
        results=data.results,
        summaries=data.summaries,
        analysis=data.analysis,
        classes=data.classes,
        headline=headline(
            data.results,
            data.analysis,
            data.optional,
            data.optional_analysis,
            num_classes=len(data.classes),
        ),
        notes=data.notes,
        by_class=class_table(data),
        measured=_measured(data),
        known=_known(data),
        is_partial=_is_partial(data),
        marks=page_tables.marks(data.results, data.analysis),
        cells=cells,
        costs=cost_cells,
        evidence=data.evidence,
        differences=differences,
        differences_meaning=evidence.MEANING,
        text=page_tables,
        panels=plots.panels(data.summaries),
        confusions=draw_confusions(data),
        named=len(data.classes) <= _MAX_NAMED,
        numbered=len(data.classes) <= _MAX_NUMBERED,
        strips=draw_strips(data),
        splits=appearance_motion.sections(data),
        more=further.sections(data),
    )


def _measured(data: ReportData) -> list[Row]:
    """Returns the rows of the suite that some model has a figure for."""
    measured = []
    for row in data.suite.rows:
        if any(summary.mean[row.name] is not None for summary in data.summaries):
            measured.append(row)
    return measured


def _known(data: ReportData) -> list[Figure]:
    """Returns the further figures that some model has."""
    known = []
    for figure in data.analysis.figures:
        if any(model.figures[figure.name] is not None for model in data.analysis.models):
            known.append(figure)
    return known


def _is_partial(data: ReportData) -> bool:
    """Returns whether a run leaves out a clip."""
    for run in data.results.runs:
        for predictions in run.predictions.values():
            if predictions.left_out:
                return True
    return False
