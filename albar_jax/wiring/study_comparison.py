"""Compares the tables of several studies: two rows in each, or the order of all rows.

It reads the results.json of each study.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.files import write_text
from albar_jax.report import cells, evidence, tables
from albar_jax.terminal.escapes import markdown_text, shell_line, show
from albar_jax.wiring import study_origin, written_table
from albar_jax.wiring.written_table import WrittenTable

# A rounding error must not decide a tie.
_ROUNDING = 1e-9


def write_orders(folders: Sequence[str], out: Path) -> int:
    """Writes the rank correlations of each table with the paper; returns the exit status.

    Args:
      folders: folders of tables, such as the one from scratch and the one from a pretrained start.
      out: the file to write.
    """
    read = _read(folders)
    # Tables of the paper differ in their columns.
    columns: dict[str, str] = {}
    for table in read:
        for column in table.order:
            columns[column] = table.title_of(column)
    lines = []
    for table in read:
        line = [table.name, table.seeds_text]
        for column in columns:
            line.append(evidence.correlation_text(table.order.get(column)))
        lines.append(line)

    text = tables.markdown_table(["Table", "Seeds", *columns.values()], lines)
    text += (
        "\nSpearman's rank correlation of the rows with the paper's: 1 is the same order, 0 no "
        "relation, −1 the opposite order. – is a column without three rows of the paper.\n"
    )
    command = ["albar", "study", "--compare", *folders, "--out", str(out)]
    return _write("The order of the rows, compared with the paper", text, read, command, out)


def write_counts(
    folders: Sequence[str], rows: tuple[str, str], column: str, margin: float, out: Path
) -> int:
    """Writes two rows of each table, and in how many tables the first is as good or better.

    Args:
      folders: folders of tables, one for each world.
      rows: the row in question, and the row that it is compared with.
      column: name of the figure.
      margin: number of points by which the first row has to be better.
      out: the file to write.

    Returns:
      The exit status.

    Raises:
      UserError: a table lacks a row or the column, or `margin` is not finite.
    """
    if not math.isfinite(margin):
        raise UserError(f"--margin is {margin}; it has to be a number of points, such as 3")
    read = _read(folders)
    compared = [_Compared.of(table, rows, column, margin) for table in read]

    first, second = rows
    header = ["Table", "Seeds", first, second, "Difference", "Cost", "As good", "By the margin"]
    text = tables.markdown_table(header, [one.line for one in compared])
    as_good = sum(one.is_as_good for one in compared)
    by_margin = sum(one.is_by_margin for one in compared)
    verdict = (
        f"{first} is within one standard deviation of {second}, or better, in {as_good} of "
        f"{len(read)} tables. Its lead is at least {evidence.points_text(margin)} points in "
        f"{by_margin} of {len(read)}."
    )
    text += f"\n{markdown_text(verdict)}\n"
    for table in read:
        text += _caution(table, rows)
    text += (
        "\nThe deviation is the second row's, over seeds. The difference has its paired 95 % "
        "interval over seeds and videos. The cost is in costs of the second row.\n"
    )
    title = f"{first} against {second}: {read[0].title_of(column)}"
    command = ["albar", "study", "--compare", *folders, "--row", first, "--row", second]
    command += ["--column", column, "--margin", f"{margin:g}", "--out", str(out)]
    return _write(title, text, read, command, out)


def _read(folders: Sequence[str]) -> list[WrittenTable]:
    """Reads tables; raises UserError for seeds of both kinds, and for a table given twice."""
    read: list[WrittenTable] = []
    for folder in folders:
        table = written_table.read(folder)
        for other in read:
            # Otherwise one world would count as two.
            if table.path.resolve() == other.path.resolve():
                raise UserError(f"--compare names {table.path} twice; leave one out")
            if table.purpose != other.purpose:
                raise UserError(
                    f"{other.path} has seeds for {other.purpose} and {table.path} for "
                    f"{table.purpose}, which are not counted together; compare tables of one kind"
                )
        read.append(table)
    return read


def _caution(table: WrittenTable, rows: tuple[str, str]) -> str:
    """Returns a sentence on rows that have different seeds; "" if they have the same."""
    first, second = [written_table.listed(table.seeds_of[row]) for row in rows]
    if first == second:
        return ""
    text = f"{table.name} is not finished: {rows[0]} has the seeds {first}, {rows[1]} {second}."
    return f"\n{markdown_text(text)}\n"


@dataclasses.dataclass(frozen=True)
class _Compared:
    """Two rows of one table in one column.

    Attributes:
      line: cells of the line, as text.
      is_as_good: whether the first row is within one standard deviation of the second, or better.
      is_by_margin: whether its lead is at least the margin.
    """

    line: list[str]
    is_as_good: bool
    is_by_margin: bool

    @classmethod
    def of(
        cls, table: WrittenTable, rows: tuple[str, str], column: str, margin: float
    ) -> "_Compared":
        """Compares two rows of a table; raises UserError if it lacks a row or the column."""
        is_up = table.is_up(column)
        mean, sd = table.figure(rows[0], column)
        other_mean, other_sd = table.figure(rows[1], column)
        line = [table.name, table.seeds_text]
        line += [cells.mean_and_sd(mean, sd), cells.mean_and_sd(other_mean, other_sd)]
        line += [_difference(table, rows, column), _cost(table, rows)]
        # A world without figures counts as neither.
        if mean is None or other_mean is None:
            return cls([*line, cells.MISSING, cells.MISSING], False, False)

        # A lead above 0 is better, also where a lower figure is.
        lead = mean - other_mean if is_up else other_mean - mean
        is_as_good = lead >= -(other_sd or 0.0) - _ROUNDING
        is_by_margin = lead >= margin - _ROUNDING
        words = {True: "yes", False: "no"}
        return cls([*line, words[is_as_good], words[is_by_margin]], is_as_good, is_by_margin)


def _difference(table: WrittenTable, rows: tuple[str, str], column: str) -> str:
    """Returns the paired difference of two rows with its interval; a dash if it is missing."""
    points = table.difference(rows, column)
    if points is None:
        return cells.MISSING
    value, low, high = map(evidence.points_text, points)
    return f"{value} [{low}, {high}]"


def _cost(table: WrittenTable, rows: tuple[str, str]) -> str:
    """Returns the cost of the first row in costs of the second; a dash if one is unknown."""
    first, second = map(table.cost, rows)
    if not first or not second:
        return cells.MISSING
    return f"× {first / second:.2f}"


def _write(
    title: str, text: str, read: Sequence[WrittenTable], command: Sequence[str], out: Path
) -> int:
    """Writes a page and prints it; returns the exit status."""
    commits: dict[str, None] = {}
    for table in read:
        commits |= dict.fromkeys(table.commits)
    # A backtick would end the code span.
    code = shell_line(command).replace("`", "'")
    page = f"# {markdown_text(title)}\n\n{text}\n<sub>`{code}`: runs trained and tested "
    page += f"at commit {markdown_text(', '.join(commits))}, "
    page += f"written at commit {study_origin.commit()}.</sub>\n"
    write_text(out, page)
    show(*page.splitlines())
    return 0
