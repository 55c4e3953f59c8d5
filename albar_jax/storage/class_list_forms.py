"""Parses class lists: plain lines of names, and the forms of published lists.

Published lists have numbers from 0 or 1 in any order: `0 name`, `name 0`, `0,name`, `[0] name`, a
table with a header, or JSON: `{"name": 0}`, `{"0": "name"}`, `["name", ...]` or
`[{"id": 0, "name": "name"}, ...]`, or the same as Python literals. Classes are sorted by these
numbers. Unknown forms are refused, and so are numbers that have gaps, repeat, or are missing on
some lines. A name may be in double quotes. A line may be a YAML item, `- name`.
"""

import csv
import dataclasses
import re
from collections.abc import Sequence

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage import class_list_json
from albar_jax.storage.csv_files import whole
from albar_jax.terminal.escapes import from_cell

_NUMBER = r'(?P<quote>"?)[#(\[]?(?P<number>-?\d+(?:\.\d*)?(?:[eE]\+?\d{1,2})?)\]?(?P=quote)'
_MARK = r"\s*(?:[-=]>|[,;:=|\t])\s*"
_BLANK = r"(?:[.)]\s+|\s+)"
# Number and name of a class on a line, in both orders: separated by a punctuation mark, then by a
# blank.
_FORMS = [
    [
        re.compile(_NUMBER + between + "(?P<name>.+)", re.ASCII),
        re.compile("(?P<name>.+?)" + between + _NUMBER, re.ASCII),
    ]
    for between in (_MARK, _BLANK)
]
_HEADER = {
    "name",
    "names",
    "class",
    "classes",
    "class_name",
    "classname",
    "label",
    "labels",
    "action",
    "category",
}
_PROTOBUF = re.compile(r"\s*(item|label|labels)\s*\{")
# An item of a YAML list.
_ITEM = re.compile(r"[-*]\s+(.*)")
_COMMENT = re.compile(r"(#|//)(\s|$)")
# Fields such as FineGym's `Clabel: 0; set: 1; ...`.
_FIELDS = re.compile(r"[A-Za-z_]+\s*[:=]\s*\d+\s*[;,].*")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
# Limit of a line in characters. The patterns above need quadratic time.
_LONGEST = 5000

# Numbers and names of classes; None for a number that is not whole.
_Pairs = list[tuple[int | None, str]]


@dataclasses.dataclass(frozen=True)
class ClassList:
    """A list of all classes.

    Attributes:
      names: names in the order of their numbers.
      first: the first number in the file, 0 or 1.
    """

    names: tuple[str, ...]
    first: int = 0


def parse(text: str, path: str) -> ClassList:
    """Parses a class list.

    Args:
      text: text of the file.
      path: path of the file for messages.

    Raises:
      UserError: the list is ambiguous, or names a class twice.
    """
    class_list = _parse(text, path)

    seen: set[str] = set()
    for name in class_list.names:
        if composed(name) in seen:
            raise UserError(f"{path} names the class {name!r} twice; give every class its own name")
        seen.add(composed(name))

    return class_list


def _parse(text: str, path: str) -> ClassList:
    """Parses a class list that may repeat names."""
    if text.lstrip()[:1] in ("{", "["):
        content = class_list_json.literal(text, path)
        if content is not None:
            return _of_json(content, path)

    return _of_lines(_lines(text, path), path)


def _lines(text: str, path: str) -> list[str]:
    """Returns the lines that are not blank, stripped."""
    # splitlines() would also split at U+2028 and similar characters.
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if max(map(len, lines), default=0) > _LONGEST:
        raise UserError(
            f"{path} has a line of more than {_LONGEST:,} characters; write one name per line"
        )

    return lines


def _of_lines(lines: Sequence[str], path: str) -> ClassList:
    unknown = lines and (_PROTOBUF.match(lines[0]) or all(map(_FIELDS.fullmatch, lines)))
    if path.endswith(".json") or unknown:
        raise UserError(
            f"{path} is not a list of class names of a known form; write one name per line"
        )

    pairs = _of_table(lines) or _of_numbered_lines(lines, path)
    if pairs:
        return _in_order(pairs, path)

    _refuse_lines(lines, path)
    items = [item[1] for item in map(_ITEM.fullmatch, lines) if item]
    if len(items) == len(lines):
        lines = items

    return ClassList(tuple(map(_unquoted, lines)))


def _refuse_lines(lines: Sequence[str], path: str) -> None:
    """Raises UserError for lines that do not seem to be plain names."""
    for line in lines:
        if _COMMENT.match(line):
            raise UserError(f"{path} has the line {line!r}, which looks like a comment; delete it")

    if len(lines) == 1 and "," in lines[0] and not _QUOTED.fullmatch(lines[0]):
        raise UserError(
            f"{path} has only the line {lines[0]!r}, which looks like several names; "
            "write one name per line"
        )
    if lines and lines[0].strip('"').lower() in _HEADER:
        raise UserError(
            f"line 1 of {path} is {lines[0]!r}, which looks like the header of a table; "
            "delete that line"
        )


def _of_table(lines: Sequence[str]) -> _Pairs | None:
    """Returns numbers and names of a table with a header; None for anything else.

    The numbers are in the only column that counts from 0 or 1. The names are in the only other
    column, or in the column whose header says so.
    """
    for delimiter in ",\t;":
        rows = [list(map(from_cell, row)) for row in csv.reader(lines, delimiter=delimiter)]
        if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
            continue

        header = [name.strip().lower() for name in rows[0]]
        columns = [[field.strip() for field in column] for column in zip(*rows[1:], strict=True)]
        counts = []
        names = []
        for place, fields in enumerate(columns):
            numbers = list(map(whole, fields))
            if _first(numbers) is not None:
                counts.append(place)
            if None in numbers:
                names.append(place)
        if len(names) > 1:
            names = [name for name in names if "name" in header[name] or header[name] in _HEADER]

        if len(counts) == len(names) == 1 and whole(header[counts[0]]) is None:
            return list(zip(map(whole, columns[counts[0]]), columns[names[0]], strict=True))

    return None


def _of_numbered_lines(lines: Sequence[str], path: str) -> _Pairs | None:
    """Returns numbers and names of lines that all have a number; None for anything else."""
    for forms in _FORMS:
        candidates = [_numbered(lines, path, form) for form in forms]
        candidates = [pairs for pairs in candidates if pairs]

        fitting = [pairs for pairs in candidates if _first(_numbers(pairs)) is not None]
        if len({tuple(_numbers(pairs)) for pairs in fitting}) > 1:
            raise UserError(
                f"{path} has different numbers before and after its names; keep one of them"
            )
        if candidates:
            return (fitting or candidates)[0]

    return None


def _numbered(lines: Sequence[str], path: str, form: re.Pattern) -> _Pairs | None:
    """Returns numbers and names of lines of this form; None for other lines."""
    pairs: _Pairs = []
    unmatched = []
    for line in lines:
        match = form.fullmatch(line)
        if match:
            pairs.append((whole(match["number"]), _unquoted(match["name"])))
        else:
            unmatched.append(line)

    # Some names end in numbers by chance, but rarely all in 0, 1, 2, ..., and rarely after a comma.
    is_count = {*_numbers(pairs)} <= set(range(len(pairs) + 2))
    on_purpose = "," in form.pattern or is_count
    if len(unmatched) == 1 and len(pairs) > 1 and on_purpose:
        raise UserError(
            f"{path} has numbers, but not on the line {unmatched[0]!r}; number all classes or none"
        )

    if unmatched or not pairs:
        return None

    return pairs


def _unquoted(name: str) -> str:
    match = _QUOTED.fullmatch(name)

    return match[1].replace('""', '"') if match else name


def _numbers(pairs: _Pairs) -> list[int | None]:
    return [number for number, _ in pairs]


def _first(numbers: Sequence[int | None]) -> int | None:
    """Returns the first number, 0 or 1, if the numbers have no gap; None otherwise."""
    for first in (0, 1):
        if {*numbers} == set(range(first, first + len(numbers))):
            return first

    return None


def _in_order(pairs: _Pairs, path: str) -> ClassList:
    first = _first(_numbers(pairs))
    if first is None:
        raise UserError(
            f"the numbers of the {len(pairs)} classes in {path} are not 0, 1, 2, ... or 1, 2, 3, "
            "..., each once; correct them, or, if they are parts of the names, write `0,name`, "
            "`1,name`, ..."
        )

    names = tuple(name for _, name in sorted(pairs))
    if "" in names:
        raise UserError(f"{path} has an empty class name; name every class")

    return ClassList(names, first)


def _of_json(content: object, path: str) -> ClassList:
    names = class_list_json.plain_names(content)
    if names is not None:
        return ClassList(tuple(map(_unquoted, names)))

    pairs = class_list_json.numbered_names(content)
    if pairs is None:
        raise UserError(
            f"{path} is not a list of class names of a known form; "
            'write {"name": 0, ...} or plain lines'
        )

    return _in_order([(number, _unquoted(name)) for number, name in pairs], path)
