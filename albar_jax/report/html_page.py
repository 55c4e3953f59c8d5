"""Renders report.html, a self-contained page that shows the results and their meaning."""

import base64
import hashlib
import os
from typing import Any, cast

import jinja2

from albar_jax import files
from albar_jax.report import appearance_motion, cells, further, page_tables, plots
from albar_jax.report.confusions import draw_confusions
from albar_jax.report.environment import environment
from albar_jax.report.headline import headline
from albar_jax.report.report_data import ReportData
from albar_jax.report.strips import draw_strips

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
    Content-Security-Policy lets browsers run only its own script and load nothing.
    """
    return render_page(
        "report.html.jinja",
        suite=data.suite,
        results=data.results,
        summaries=data.summaries,
        analysis=data.analysis,
        classes=data.classes,
        headline=headline(data.results, data.analysis),
        notes=data.notes,
        is_partial=_is_partial(data),
        marks=page_tables.marks(data.results, data.analysis),
        cells=cells,
        text=page_tables,
        panels=plots.panels(data.summaries),
        confusions=draw_confusions(data),
        named=len(data.classes) <= _MAX_NAMED,
        numbered=len(data.classes) <= _MAX_NUMBERED,
        strips=draw_strips(data),
        splits=appearance_motion.sections(data),
        more=further.sections(data),
    )


def render_page(template: str, **content: Any) -> str:
    """Renders a page with the sorting script and a policy that allows only this script.

    Args:
      template: name of a template that shows `policy` in a meta element and `script` at its end.
      **content: further variables of the template.
    """
    # The policy contains the hash of the script, so the script is inserted without escaping.
    templates = environment()
    # `environment` gives one.
    loader = cast(jinja2.BaseLoader, templates.loader)
    script = loader.get_source(templates, "sort.js")[0]
    page = templates.get_template(template)
    return page.render(policy=_policy(script), script=script, **content)


def _is_partial(data: ReportData) -> bool:
    """Returns whether a run leaves out a clip."""
    for run in data.results.runs:
        for predictions in run.predictions.values():
            if predictions.left_out:
                return True
    return False


def _policy(script: str) -> str:
    """Returns the Content-Security-Policy of a page with this script and embedded images."""
    # Browsers compare this hash with the text between the script tags.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
