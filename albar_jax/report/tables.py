"""Formats the results as Markdown tables and as plain text for the terminal."""

from collections.abc import Sequence

from albar_jax.evaluation.results import Results
from albar_jax.report import cells
from albar_jax.terminal.escapes import markdown_text, printable


def markdown(results: Results) -> str:
    """Returns the benchmark and the rows by background as Markdown tables."""
    text = _markdown(results)
    by_background = results.by_background
    if by_background is None:
        return text
    return f"{text}\n{by_background.suite.title}:\n\n{_markdown(by_background)}"


def _markdown(results: Results) -> str:
    header, *lines = cells.table_of(results)
    text = markdown_table(header, lines)
    for note in cells.notes_below(results):
        text += f"\n{markdown_text(note)}\n"
    return text


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table with the first column aligned left and the others right."""
    rule = [":--", *["--:"] * (len(header) - 1)]
    text = ""
    for line in (header, rule, *lines):
        text += f"| {' | '.join(map(markdown_text, line))} |\n"
    return text


def console(results: Results) -> str:
    """Returns plain text tables with aligned columns.

    The table by background has a column for each model, so that it fits into a terminal.
    """
    text = aligned(cells.table_of(results))
    text += _as_lines(cells.notes_below(results))
    by_background = results.by_background
    if by_background is None:
        return text
    return f"{text}\n{_transposed(by_background)}"


def _transposed(results: Results) -> str:
    """Returns a table of our models and the paper's models with the same names.

    Rows without a figure of ours are missing.
    """
    suite = results.suite
    methods = [name for name in cells.published_methods(suite) if name in results.names]

    ours = [cells.model_line(suite, summary) for summary in results.summaries]
    published = cells.published_lines(suite, methods)
    # The table is transposed: rows become columns. Seeds and cost are not shown.
    models, _, _, *rows = zip(cells.header(suite), *ours, *published, strict=True)

    lines: list[Sequence[str]] = [("By background", *models[1:])]
    for title, *figures in rows:
        if set(figures[: len(ours)]) != {cells.MISSING}:
            lines.append([title, *figures])
    lines += _transposed_counts(results, len(published))
    return aligned(lines) + _as_lines(cells.notes_below(results, methods))


def _transposed_counts(results: Results, num_published: int) -> list[list[str]]:
    """Returns a line with the clip counts of each row that leaves out clips."""
    lines = []
    for row in results.suite.rows:
        counts = [cells.clips_of(row, summary) for summary in results.summaries]
        if any(" of " in count for count in counts):
            lines.append([f"Clips, {row.title}", *counts, *[""] * num_published])
    return lines


def _as_lines(notes: Sequence[str]) -> str:
    text = ""
    for note in notes:
        text += f"{printable(note)}\n"
    return text


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Returns lines, the first a header, with the first column aligned left and others right."""
    # Escaping changes the widths, so it comes first.
    escaped = [list(map(printable, line)) for line in lines]
    widths = [max(map(len, column)) for column in zip(*escaped, strict=True)]
    rule = ["-" * width for width in widths]

    text = ""
    for first, *others in (escaped[0], rule, *escaped[1:]):
        # The first column has names, the others figures.
        columns = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
        text += "  ".join(columns) + "\n"

    return text
