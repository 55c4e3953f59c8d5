"""Formats the tables of groups for the page, results.md and the terminal."""

import dataclasses
from collections.abc import Sequence

from albar_jax.evaluation import views
from albar_jax.evaluation.group_tables import GroupTable
from albar_jax.evaluation.groups import GroupFigure, GroupFigures
from albar_jax.report import cells, page_tables
from albar_jax.report.report_data import ReportData

MEANING = (
    "Accuracy in percent by group, with the 95 % bootstrap interval over source videos. The gap is "
    "the accuracy of the best group minus the accuracy of the worst. Its p-value is the share of "
    "permutations of the source videos between the groups with a gap at least as large; Holm's "
    "method corrects it for all tests of the table. The test takes the trained models as given. A "
    "gap may also come from other classes in a group. – was not tested, because a source video has "
    "clips of several groups."
)
_HEADER = ["Test set", "Model", "Average ↑", "Weighted average ↑", "Worst group ↑", "Gap ↓"]


@dataclasses.dataclass(frozen=True)
class GroupDetails:
    """The accuracy by group on one test set.

    Attributes:
      task: the test set.
      header: `Group`, `Clips` and the names of the models.
      lines: a line for each group.
    """

    task: str
    header: list[str]
    lines: list[list[str]]


@dataclasses.dataclass(frozen=True)
class GroupSection:
    """The tables of one division of the clips into groups.

    Attributes:
      name: what divides the clips.
      meaning: text above the tables.
      header: headings of the summary; the first two columns are test set and model.
      lines: a line for each test set and model.
      clear: whether the gap of each line is significant.
      details: accuracy by group, for each test set.
      notes: sentences below the tables.
    """

    name: str
    meaning: str
    header: list[str]
    lines: list[list[str]]
    clear: list[bool]
    details: list[GroupDetails]
    notes: list[str]


def sections(data: ReportData) -> tuple[GroupSection, ...]:
    """Returns a section for each division of the clips into groups."""
    sentence = views.describe_views(data.results)
    drawn = []
    for table in data.groups:
        has_weights = any(line.weighted for line in table.lines)
        header = list(_HEADER)
        if not has_weights:
            header.remove("Weighted average ↑")
        lines = [_summary_line(line, has_weights) for line in table.lines]
        clear = [_is_clear(line) for line in table.lines]
        notes = _notes(table) + ([sentence] if sentence else [])
        header.append("p")
        details = _details(table, data.results.names)
        drawn.append(GroupSection(table.name, MEANING, header, lines, clear, details, notes))
    return tuple(drawn)


def _summary_line(line: GroupFigures, has_weights: bool) -> list[str]:
    texts = [line.task, line.model, _figure(line.average)]
    if has_weights:
        texts.append(_figure(line.weighted))
    p_text = cells.MISSING
    if line.p_adjusted is not None:
        p_text = page_tables.p_text(line.p_adjusted).removeprefix("p ").removeprefix("= ")
    return [*texts, f"{_figure(line.worst_figure)} {line.worst}", _figure(line.gap), p_text]


def _is_clear(line: GroupFigures) -> bool:
    return line.p_adjusted is not None and line.p_adjusted < page_tables.SIGNIFICANT


def _figure(figure: GroupFigure | None) -> str:
    if figure is None:
        return cells.MISSING
    low, high = figure.interval
    return f"{cells.mean_and_sd(figure.mean, figure.sd)} [{low:.1f}, {high:.1f}]"


def _details(table: GroupTable, models: Sequence[str]) -> list[GroupDetails]:
    by_task: dict[str, dict[str, GroupFigures]] = {}
    for line in table.lines:
        by_task.setdefault(line.task, {})[line.model] = line

    details = []
    for task, line_of in by_task.items():
        names = sorted({name for line in line_of.values() for name in line.groups})
        lines = []
        for name in names:
            counts = {line.clips[name]: None for line in line_of.values() if name in line.clips}
            texts = [name, " / ".join(map(str, counts))]
            for model in models:
                of_model = line_of.get(model)
                texts.append(_figure(of_model.groups.get(name) if of_model else None))
            lines.append(texts)
        details.append(GroupDetails(task, ["Group", "Clips", *models], lines))
    return details


def _notes(table: GroupTable) -> list[str]:
    """Returns a sentence about the clips without a group, for each test set."""
    notes = {}
    for line in table.lines:
        if line.without_group:
            notes[line.task] = (
                f"{line.task}: {line.without_group:,} clips have no group and count only in the "
                "average."
            )
    return list(notes.values())
