"""Formats the tables beside the paper's as Markdown and as plain text."""

import dataclasses
from collections.abc import Sequence

from albar_jax.report import further, group_text, tables
from albar_jax.report.cells import MISSING
from albar_jax.report.further import OptionalSection
from albar_jax.report.group_text import GroupSection
from albar_jax.report.report_data import ReportData
from albar_jax.terminal.escapes import markdown_text, printable


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table with its title and the sentences below it. The terminal does not show the title."""

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def markdown(data: ReportData) -> list[str]:
    """Returns each table as Markdown, with its title above and its notes below."""
    texts = [_markdown(table) for table in _tables(data)]
    optional = further.optional_section(data)
    if optional is not None and optional.pairs:
        texts.insert(1, _markdown(_differences(optional)))
    for section in group_text.sections(data):
        texts += map(_markdown, _details(section))
    return texts


def console(data: ReportData) -> str:
    """Returns plain text tables with aligned columns, without differences and single groups."""
    return "".join(map(_console, _tables(data)))


def _tables(data: ReportData) -> list[_Table]:
    tables_of_data = []
    optional = further.optional_section(data)
    if optional is not None:
        lines = []
        for line in optional.lines:
            # `*` marks a clear difference from the best model.
            figures = [cell.text + "*" * cell.differs for cell in line.cells]
            lines.append([line.title, *figures, line.clips])
        header = ["Further sets", *optional.models, "Clips"]
        tables_of_data.append(_Table(optional.meaning, header, lines, optional.notes))

    standard = further.standard_section(data)
    if standard is not None:
        tables_of_data.append(
            _Table(standard.meaning, standard.header, standard.lines, standard.notes)
        )
    for section in group_text.sections(data):
        # The terminal shows no title, so the first heading has the name.
        header = [f"By {section.name}", *section.header[1:]]
        tables_of_data.append(_Table(section.meaning, header, section.lines, section.notes))
    return tables_of_data


def _differences(section: OptionalSection) -> _Table:
    lines = []
    for line in section.lines:
        lines.append([line.title, *(text for text, _ in line.differences)])
    title = f"Differences on the further sets, {section.test}. {MISSING} is not tested:"
    return _Table(title, ["First − second (points, p)", *section.pairs], lines)


def _details(section: GroupSection) -> list[_Table]:
    details = []
    for detail in section.details:
        title = f"{section.name} on {detail.task}:"
        details.append(_Table(title, detail.header, detail.lines))
    return details


def _markdown(table: _Table) -> str:
    text = f"{markdown_text(table.title)}\n\n{tables.markdown_table(table.header, table.lines)}"
    for note in table.notes:
        text += f"\n{markdown_text(note)}\n"
    return text


def _console(table: _Table) -> str:
    text = f"\n{tables.aligned([table.header, *table.lines])}"
    for note in table.notes:
        text += f"{printable(note)}\n"
    return text
