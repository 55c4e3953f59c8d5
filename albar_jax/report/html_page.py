"""report.html: one self-contained page that shows what the figures mean."""

import base64
import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence

import jinja2
import numpy as np

from albar_jax import files
from albar_jax.evaluation import counts, metrics
from albar_jax.evaluation.analyses import Analysis, analyse
from albar_jax.evaluation.counts import Count
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Suite
from albar_jax.report import gallery, page_tables, plots, tables
from albar_jax.report.headline import headline
from albar_jax.terminal.escapes import printable

_MATRIX_COLOR = (0, 114, 178)
# More class names than this cannot be read beside a matrix; more figures than this not inside it.
_MAX_NAMED, _MAX_NUMBERED = 16, 10


@dataclasses.dataclass(frozen=True)
class ReportData:
    """All that a report shows.

    Attributes:
      suite: the benchmark.
      summaries: the models, in the order in which they are shown.
      classes: the K class names.
      read_clip: gives the frames, uint8 RGB (T, H, W, 3), of a clip by (task, id), or None for one that is not there;
        None itself where there are no videos to show, as when predictions of another program are audited.
      foregrounds: the class of the foreground pasted into each Confl-FG clip, by id; None where it is not known.
    """

    suite: Suite
    summaries: Sequence[ModelSummary]
    classes: Sequence[str]
    read_clip: Callable[[str, str], np.ndarray | None] | None = None
    foregrounds: Mapping[str, int] | None = None

    @functools.cached_property
    def analysis(self) -> Analysis:
        """What goes beyond the rows of the suite; worked out once, for the page and for results.json."""
        return analyse(self.suite, self.summaries, len(self.classes), self.foregrounds)

    @property
    def notes(self) -> list[str]:
        """Returns sentences about left-out clips and classes without a test clip."""
        return counts.sentences(self.summaries, self.classes, self.suite.iid)


@dataclasses.dataclass(frozen=True)
class Confusion:
    """A drawn confusion matrix; `shares` (K, K) are of the true class, `worst` is (true, taken for, share)."""

    model: str
    task: str
    clips: str
    png: str
    shares: np.ndarray
    worst: tuple[str, str, float] | None


@dataclasses.dataclass(frozen=True)
class Strip:
    """An example with pictures of the moving clip, what stands still in it, and its still; none without videos."""

    example: gallery.Example
    frames: tuple[str, ...] = ()
    motionless: str | None = None
    still: str | None = None


def write(path: str | os.PathLike, data: ReportData) -> None:
    """Writes the page, atomically."""
    files.write_text(path, render(data))


def render(data: ReportData) -> str:
    """Returns the page as HTML; it makes no network request, and all text from outside is escaped.

    Its Content-Security-Policy lets browsers run only its own script and load nothing.
    """
    environment = templates()
    script = environment.loader.get_source(environment, "sort.js")[0]
    return environment.get_template("report.html.jinja").render(
        policy=_policy(script),
        script=script,
        suite=data.suite,
        summaries=data.summaries,
        analysis=data.analysis,
        classes=data.classes,
        finding=headline(data.suite, data.summaries, data.analysis),
        notes=[*data.notes, *tables.unpaired(data.suite, data.summaries)],
        is_partial=any(
            found.left_out
            for one in data.summaries
            for run in one.runs
            for found in run.predictions.values()
        ),
        marks=page_tables.marks(data.suite, data.summaries, data.analysis),
        by_background=tables.by_background(data.suite, data.summaries),
        tables=tables,
        text=page_tables,
        panels=plots.panels(data.summaries),
        confusions=_confusions(data),
        named=len(data.classes) <= _MAX_NAMED,
        numbered=len(data.classes) <= _MAX_NUMBERED,
        strips=_strips(data),
    )


def templates() -> jinja2.Environment:
    """Returns the environment of the templates of pages and pictures; it escapes markup and control characters."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("albar_jax.report"),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _shown(value: object) -> object:
    """Escapes the control characters of plain text; markup made by templates stays unchanged."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _policy(script: str) -> str:
    """Returns the Content-Security-Policy of a page with this script and embedded pictures."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _confusions(data: ReportData) -> list[Confusion]:
    """IID and the first SCUBA set of each model, seeds summed."""
    tasks = [data.suite.iid, *(scuba for scuba, _ in data.suite.pairs[:1])]
    return [
        _confusion(summary, task, data.classes)
        for summary in data.summaries
        for task in tasks
        if all(task in run.predictions for run in summary.runs)
    ]


def _confusion(summary: ModelSummary, task: str, classes: Sequence[str]) -> Confusion:
    answers = sum(
        metrics.confusion_matrix(run.predictions[task], len(classes)) for run in summary.runs
    )
    shares = answers / np.maximum(answers.sum(axis=1, keepdims=True), 1)
    mistakes = shares * (1 - np.eye(len(classes)))
    true, taken = np.unravel_index(mistakes.argmax(), mistakes.shape)
    worst = (classes[true], classes[taken], float(mistakes.max())) if mistakes.max() > 0 else None
    tested, left_out = (
        int(answers.sum()),
        sum(len(run.predictions[task].left_out) for run in summary.runs),
    )
    clips = Count(tested, left_out).text
    return Confusion(
        summary.name, task, clips, plots.matrix_png(shares, _MATRIX_COLOR), shares, worst
    )


def _strips(data: ReportData) -> list[Strip]:
    """The chosen examples; each model speaks through its first seed."""
    runs = [summary.runs[0] for summary in data.summaries]
    examples = gallery.choose(data.suite, runs, best=_best(data.summaries))
    return [
        Strip(example) if data.read_clip is None else _strip(example, data.read_clip)
        for example in examples
    ]


def _best(summaries: Sequence[ModelSummary]) -> str | None:
    """The model that the table shows as the highest in contrasted accuracy; None of one model, or of equals."""
    figures = {summary.name: summary.rows.get("contrasted") for summary in summaries}
    known = sorted((value, name) for name, value in figures.items() if value is not None)
    return known[-1][1] if len(known) > 1 and known[-1][0] > known[-2][0] else None


def _strip(example: gallery.Example, read_clip: Callable[[str, str], np.ndarray | None]) -> Strip:
    moving, static = read_clip(example.scuba, example.id), read_clip(example.scufo, example.id)
    if moving is None or static is None:
        return Strip(example)
    motionless, still = map(plots.frame_png, (plots.motionless(moving), static[0]))
    return Strip(example, plots.strip(moving), motionless, still)
