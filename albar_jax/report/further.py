"""Formats the tables beside the paper's: optional sets, standard figures and groups.

The page, results.md and the terminal show the same cells.
"""

import dataclasses
from collections.abc import Sequence

from albar_jax.evaluation import views
from albar_jax.evaluation.calibration import NUM_BINS
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.standard import FIGURES, StandardLine
from albar_jax.evaluation.suites import Row
from albar_jax.report import cells, group_text, page_tables, reliability
from albar_jax.report.group_text import GroupSection
from albar_jax.report.reliability import Diagram
from albar_jax.report.report_data import ReportData

STANDARD_MEANING = (
    "Top-5 counts a clip as right if its class is among the five most probable ones; it is a dash "
    "for at most five classes. Mean class accuracy is the accuracy of each class, averaged over "
    "classes. ECE, the expected calibration error, is the distance of accuracy and confidence in "
    f"{NUM_BINS} equal bins of the confidence, averaged over clips, in percent. The Brier score is "
    "the sum over classes of (probability − truth)², 0 to 2, averaged over clips. Clips without an "
    "answer (abstentions) count as wrong; ECE and Brier score leave them out."
)
OPTIONAL_MEANING = (
    "Figures are in percent, mean ± standard deviation over training seeds, with the 95 % "
    "bootstrap interval over source videos. A ratio of 100 % means that nothing is lost."
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A figure of one model.

    Attributes:
      text: the figure, or a dash.
      is_best: whether it is the best of several models.
      differs: whether it differs significantly from the best.
    """

    text: str
    is_best: bool = False
    differs: bool = False


@dataclasses.dataclass(frozen=True)
class OptionalLine:
    """A figure of all models.

    Attributes:
      title: its heading, with an arrow to the better side.
      meaning: one plain sentence.
      clips: numbers of clips or pairs of clips, as text.
      cells: one cell for each model.
      differences: for each pair of models, the difference and whether it is clear.
    """

    title: str
    meaning: str
    clips: str
    cells: tuple[Cell, ...]
    differences: tuple[tuple[str, bool], ...]


@dataclasses.dataclass(frozen=True)
class OptionalSection:
    """The second table.

    Attributes:
      meaning: text above the table.
      models: names of the models.
      lines: the figures.
      pairs: headings of the pairs of models; empty for a single model.
      test: description of the test; None without pairs.
      notes: sentences below the table.
    """

    meaning: str
    models: Sequence[str]
    lines: tuple[OptionalLine, ...]
    pairs: tuple[str, ...]
    test: str | None
    notes: Sequence[str]


@dataclasses.dataclass(frozen=True)
class StandardSection:
    """The table of standard figures.

    Attributes:
      meaning: text above the table.
      header: headings; the first two columns are test set and model.
      lines: a line for each test set and model.
      notes: sentences below the table.
    """

    meaning: str
    header: list[str]
    lines: list[list[str]]
    notes: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Sections:
    """The sections of the page; None if there is nothing to show.

    `views` is the sentence about the averaged views, which stands below each table.
    """

    optional: OptionalSection | None
    standard: StandardSection | None
    reliability: tuple[Diagram, ...]
    groups: tuple[GroupSection, ...]
    views: list[str]


def sections(data: ReportData) -> Sections:
    """Returns all sections."""
    return Sections(
        optional_section(data),
        standard_section(data),
        reliability.diagrams(data.standard),
        group_text.sections(data),
        views_notes(data),
    )


def optional_section(data: ReportData) -> OptionalSection | None:
    """Returns the second table; None if no model has an optional set."""
    results = data.optional
    if results is None:
        return None

    best = page_tables.best(results)
    marks = page_tables.marks(results, data.optional_analysis)
    comparisons = data.optional_analysis.comparisons
    lines = []
    for row in results.suite.rows:
        row_cells = []
        for summary, mark in zip(results.summaries, marks, strict=True):
            text = _figure(row, summary)
            is_best = row.name in best and (
                summary.mean[row.name] == results.summaries[best[row.name]].mean[row.name]
            )
            row_cells.append(Cell(text, is_best, mark[row.name]))

        differences = []
        for pair in comparisons:
            difference = pair.rows[row.name]
            is_clear = page_tables.is_clear(difference)
            differences.append((page_tables.difference_text(difference), is_clear))
        lines.append(
            OptionalLine(
                f"{row.title} {cells.ARROWS[row.goal]}",
                row.meaning,
                _clips(row, results.summaries),
                tuple(row_cells),
                tuple(differences),
            )
        )

    return OptionalSection(
        OPTIONAL_MEANING,
        results.names,
        tuple(lines),
        tuple(f"{pair.first} − {pair.second}" for pair in comparisons),
        data.optional_analysis.test,
        views_notes(data),
    )


def views_notes(data: ReportData) -> list[str]:
    """Returns the sentence about the averaged views."""
    sentence = views.describe_views(data.results)
    return [sentence] if sentence else []


def _figure(row: Row, summary: ModelSummary) -> str:
    """Formats `54.3 ± 1.2 [50.1, 58.0]`, or a dash."""
    text = cells.mean_and_sd(summary.mean[row.name], summary.sd[row.name])
    ends = summary.interval[row.name]
    if ends is None:
        return text
    return f"{text} [{ends[0]:.1f}, {ends[1]:.1f}]"


def _clips(row: Row, summaries: Sequence[ModelSummary]) -> str:
    """Formats the clip counts of all models: `4`, or `4 / 1 of 4` if they differ."""
    counts = [cells.clips_of(row, summary) for summary in summaries]
    different = dict.fromkeys(count for count in counts if count != cells.MISSING)
    return " / ".join(different) or cells.MISSING


def standard_section(data: ReportData) -> StandardSection | None:
    """Returns the table of standard figures; None without predictions of all seeds of a model."""
    if not data.standard:
        return None

    header = ["Test set", "Model", "Clips"]
    for figure in FIGURES:
        header.append(f"{figure.title} {cells.ARROWS[figure.goal]}")
    header.append("Abstentions")
    lines = [_standard_line(line) for line in data.standard]
    return StandardSection(STANDARD_MEANING, header, lines, views_notes(data))


def _standard_line(line: StandardLine) -> list[str]:
    texts = [line.task, line.model, f"{line.clips:,}"]
    for figure in FIGURES:
        digits = 1 if figure.scale == 100 else 3
        name = figure.name
        texts.append(cells.mean_and_sd(line.mean[name], line.sd[name], digits=digits))
    return [*texts, f"{line.abstained:,.4g}"]
