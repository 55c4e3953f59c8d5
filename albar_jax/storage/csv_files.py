"""Reads and writes tables: CSV and TSV files with column names on line 1."""

import collections
import csv
import dataclasses
import functools
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence

from albar_jax.errors import UserError
from albar_jax.files import open_regular, write_texts
from albar_jax.terminal.escapes import from_cell, needs_cells, to_cell

# Plain decimals, as Python, C and pandas write them: no underscores, non-ASCII digits, inf or nan.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# Python refuses to convert numbers with more than 4,300 digits.
_MOST_DIGITS = 4000
_MISSING = {"", "nan", "<na>"}


@dataclasses.dataclass(frozen=True)
class Table:
    """The contents of a table.

    Attributes:
      path: path of the file.
      columns: column names without blanks at the ends; "" for a column without a name.
      records: fields of each row in column order.
      lines: number of the first line of each row.
    """

    path: str
    columns: tuple[str, ...]
    records: list[list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.records)

    @functools.cached_property
    def rows(self) -> list[dict[str, str]]:
        """The fields of each row by column name, without unnamed columns."""
        named = [place for place, name in enumerate(self.columns) if name]
        return [{self.columns[place]: fields[place] for place in named} for fields in self.records]

    def column(self, name: str) -> list[str]:
        """Returns the fields of a column; "" for each row if the column does not exist."""
        if name not in self.columns:
            return [""] * len(self)

        place = self.columns.index(name)
        return [fields[place] for fields in self.records]

    def take(self, rows: Sequence[int]) -> "Table":
        """Returns a table with these rows in this order."""
        return Table(
            self.path,
            self.columns,
            [self.records[row] for row in rows],
            [self.lines[row] for row in rows],
        )

    def where(self, row: int) -> str:
        """Names a row for messages: "line 3 of FILE"."""
        return f"line {self.lines[row]} of {self.path}"


def read_table(
    path: str | os.PathLike[str],
    required: Sequence[str] = (),
    *,
    expects: str = "",
    remedy: str = "",
    strip: bool = True,
    delimiter: str = ",",
) -> Table:
    """Reads a table in UTF-8 and skips blank lines.

    Args:
      path: path of the file.
      required: names of required columns.
      expects: all columns for messages; defaults to the required ones.
      remedy: end of the message if the file cannot be opened.
      strip: whether to strip blanks from every field.
      delimiter: field separator.

    Raises:
      UserError: the file cannot be read, is not CSV, lacks a column, names one twice, or has a row
        with another number of fields than line 1.
    """
    records = read_records(path, remedy=remedy, delimiter=delimiter)
    _, header = next(records, (1, []))
    columns = tuple(name.strip() for name in header)
    _check_columns(columns, required, expects, path)

    rows = []
    lines = []

    for line, fields in records:
        # A wrong number of fields often means a comma in a name.
        if len(fields) != len(columns):
            raise UserError(_wrong_length(path, line, len(fields), len(columns)))
        if strip:
            fields = [field.strip() for field in fields]
        rows.append(fields)
        lines.append(line)

    return Table(os.fspath(path), columns, rows, lines)


def read_records(
    path: str | os.PathLike[str], *, remedy: str = "", delimiter: str = ",", errors: str = "strict"
) -> Iterator[tuple[int, list[str]]]:
    """Yields (number of the first line, fields) for each row that is not blank.

    `errors` is passed to `open`. Raises UserError as `read_table`.
    """
    begin = 1
    try:
        with open(
            path, newline="", encoding="utf-8-sig", errors=errors, opener=open_regular
        ) as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for fields in reader:
                if len(fields) > 1 or any(field.strip() for field in fields):
                    yield begin, list(map(from_cell, fields))
                begin = reader.line_num + 1
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}{remedy}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"cannot read {path}: it is not a text file in UTF-8 ({error})") from error
    except csv.Error as error:
        raise UserError(
            f"line {begin} of {path} is not CSV: {error}{_csv_remedy(error)}"
        ) from error


def _csv_remedy(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end of data" in words or "field limit" in words:
        return "; close the double quotes of that line"

    return ""


def _check_columns(
    columns: Sequence[str], required: Sequence[str], expects: str, path: str | os.PathLike[str]
) -> None:
    missing = [name for name in required if name not in columns]
    if missing:
        wanted = expects or ",".join(required)
        raise UserError(
            f"the first line of {path} must name the columns {wanted}; it lacks "
            f"{' and '.join(missing)}"
        )

    twice = [name for name, count in collections.Counter(columns).items() if name and count > 1]
    if twice:
        raise UserError(
            f"the first line of {path} names the column {twice[0]} twice; delete one of them"
        )


def _wrong_length(path: str | os.PathLike[str], line: int, actual: int, expected: int) -> str:
    fields = "1 field" if actual == 1 else f"{actual} fields"
    remedy = "fill in what is missing"
    if actual > expected:
        remedy = "put a field with a comma in double quotes"
    return f"line {line} of {path} has {fields}, but the header has {expected}; {remedy}"


def write_table(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    delimiter: str = ",",
) -> None:
    """Writes a table atomically; `read_table(path, strip=False)` returns all fields unchanged.

    Only one row is in memory.

    Raises:
      UserError: a field is not UTF-8 text, such as the name of some files.
    """

    def checked() -> Iterator[Sequence[object]]:
        yield columns
        for row in rows:
            # The check is slow, and most rows are ASCII.
            if not "".join(map(str, row)).isascii():
                _check_utf8(row, os.fspath(path))
            yield row

    write_texts(path, _lines(checked(), delimiter))


def to_text(rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> str:
    """Formats rows as CSV text, each on one line; see `escapes` for special characters."""
    return "".join(_lines(rows, delimiter))


def _lines(rows: Iterable[Sequence[object]], delimiter: str) -> Iterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")

    for row in rows:
        if needs_cells(list(map(str, row))):
            row = list(map(to_cell, row))
        writer.writerow(row)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _check_utf8(row: Sequence[object], path: str) -> None:
    for field in map(str, row):
        try:
            field.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"{field!r} cannot be written to {path}: it is not UTF-8 text; rename it"
            ) from None


def whole(text: str) -> int | None:
    """Parses a whole number such as "3", "3.0", "3." or "1e1"; None for other text."""
    text = text.strip()
    if len(text) > _MOST_DIGITS:
        return None
    if text.isascii() and text.isdecimal():
        return int(text)

    if not _NUMBER.fullmatch(text):
        return None

    value = float(text)
    return int(value) if value.is_integer() else None


def is_missing(text: str) -> bool:
    """Returns whether a field is empty or pandas' missing value: "nan" or "<NA>"."""
    return text.strip().lower() in _MISSING
