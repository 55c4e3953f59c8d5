"""Parses published forms of class lists, besides plain lines.

Published lists have numbers from 0 or 1 in any order: `0 name`, `name 0`, `0,name`, `[0] name`, a
table with a header, or JSON: `{"name": 0}`, `{"0": "name"}`, `["name", ...]` or
`[{"id": 0, "name": "name"}, ...]`, or the same as Python literals. The numbers are obeyed. Numbers
with gaps, repeats, or on some lines only are refused, and so are unknown forms. A name may be in
double quotes, or a YAML item `- name`.
"""

import ast
import csv
import dataclasses
import json
import re
from collections.abc import Mapping, Sequence

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import whole
from albar_jax.terminal.escapes import from_cell

_NUMBER = r'(?P<quote>"?)[#(\[]?(?P<number>-?\d+(?:\.\d*)?(?:[eE]\+?\d{1,2})?)\]?(?P=quote)'
_MARK, _BLANK = r"\s*(?:[-=]>|[,;:=|\t])\s*", r"(?:[.)]\s+|\s+)"
# Number and name of a class on a line, separated by a punctuation mark, then by a blank.
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
_LONGEST = 5000
# Keys of a JSON file that may hold the list.
_LISTS = ("classes", "categories", "labels", "names", "actions")


@dataclasses.dataclass(frozen=True)
class ClassList:
    """The names of all classes in the order of their numbers, and the first number, 0 or 1."""

    names: tuple[str, ...]
    first: int = 0


def parse(text: str, path: str) -> ClassList:
    """Parses a class list. Raises UserError, which names `path`, if it is ambiguous."""
    content = _literal(text, path) if text.lstrip()[:1] in ("{", "[") else None
    if content is None:
        # splitlines() would also split at U+2028 and similar characters.
        lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
        # The patterns below need quadratic time.
        if max(map(len, lines), default=0) > _LONGEST:
            raise UserError(
                f"{path} has a line of more than {_LONGEST:,} characters; write one name per line"
            )
        found = _of_lines(lines, path)
    else:
        found = _of_json(content, path)

    seen: set[str] = set()
    for name in found.names:
        if composed(name) in seen:
            raise UserError(f"{path} names the class {name!r} twice; give every class its own name")
        seen.add(composed(name))

    return found


def _of_lines(lines: Sequence[str], path: str) -> ClassList:
    unknown = lines and (_PROTOBUF.match(lines[0]) or all(map(_FIELDS.fullmatch, lines)))
    if path.endswith(".json") or unknown:
        raise UserError(
            f"{path} is not a list of class names of a known form; write one name a line"
        )
    if pairs := _of_table(lines):
        return _in_order(pairs, path)

    for forms in _FORMS:
        found = [pairs for form in forms if (pairs := _numbered(lines, path, form))]
        fitting = [pairs for pairs in found if _first(pairs) is not None]
        if len({tuple(number for number, _ in pairs) for pairs in fitting}) > 1:
            raise UserError(
                f"{path} has numbers before and after its names, which differ; keep one of them"
            )
        if found:
            return _in_order((fitting or found)[0], path)

    if comments := list(filter(_COMMENT.match, lines)):
        raise UserError(
            f"{path} has the line {comments[0]!r}, which looks like a comment; delete it"
        )
    if len(lines) == 1 and "," in lines[0] and not _QUOTED.fullmatch(lines[0]):
        raise UserError(
            f"{path} has only the line {lines[0]!r}, which looks like several names; "
            "write one name a line"
        )
    if lines and lines[0].strip('"').lower() in _HEADER:
        raise UserError(
            f"line 1 of {path} is {lines[0]!r}, which looks like the header of a table; "
            "delete that line"
        )

    items = list(map(_ITEM.fullmatch, lines))

    return ClassList(tuple(map(_unquoted, (item[1] for item in items) if all(items) else lines)))


def _of_table(lines: Sequence[str]) -> list[tuple[int | None, str]] | None:
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
        counts = [
            place
            for place, fields in enumerate(columns)
            if _first([(whole(f), "") for f in fields]) is not None
        ]
        names = [place for place, fields in enumerate(columns) if None in map(whole, fields)]

        if len(names) > 1:
            names = [
                place for place in names if "name" in header[place] or header[place] in _HEADER
            ]

        if len(counts) == len(names) == 1 and whole(header[counts[0]]) is None:
            return list(zip(map(whole, columns[counts[0]]), columns[names[0]], strict=True))

    return None


def _numbered(
    lines: Sequence[str], path: str, form: re.Pattern
) -> list[tuple[int | None, str]] | None:
    """Returns numbers and names of lines of this form; None for other lines."""
    matches = [form.fullmatch(line) for line in lines]
    unmatched = [line for line, match in zip(lines, matches, strict=True) if not match]
    pairs = [(whole(match["number"]), _unquoted(match["name"])) for match in matches if match]
    # Some names end in numbers by chance, but rarely all in 0, 1, 2, ..., and rarely after a comma.
    on_purpose = "," in form.pattern or {number for number, _ in pairs} <= set(
        range(len(pairs) + 2)
    )

    if len(unmatched) == 1 and len(pairs) > 1 and on_purpose:
        raise UserError(
            f"{path} has numbers, but not on the line {unmatched[0]!r}; number all classes or none"
        )

    return None if unmatched else pairs or None


def _unquoted(name: str) -> str:
    match = _QUOTED.fullmatch(name)
    return match[1].replace('""', '"') if match else name


def _first(pairs: Sequence[tuple[int | None, str]]) -> int | None:
    """Returns the first number, 0 or 1, if the numbers have no gap; None otherwise."""
    numbers = {number for number, _ in pairs}
    return next((n for n in (0, 1) if numbers == set(range(n, n + len(pairs)))), None)


def _in_order(pairs: Sequence[tuple[int | None, str]], path: str) -> ClassList:
    first = _first(pairs)
    if first is None:
        raise UserError(
            f"the numbers of the {len(pairs)} classes in {path} are not 0, 1, 2, ... or 1, 2, 3, "
            "..., each once; mend them, or, if they are parts of the names, write `0,name`, "
            "`1,name`, ..."
        )

    names = tuple(name for _, name in sorted(pairs))
    if "" in names:
        raise UserError(f"{path} has an empty class name; name every class")

    return ClassList(names, first)


def _literal(text: str, path: str) -> object | None:
    """Parses JSON or a Python literal; None for other text. Raises UserError for a repeated key."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        content = dict(pairs)
        if len(content) < len(pairs):
            raise UserError(f"{path} names a key of its JSON twice; each class has one number")

        return content

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise

    try:
        written = ast.parse(text.strip(), mode="eval").body
        content = ast.literal_eval(written)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        # A class may be called "[other]".
        return None

    if isinstance(written, ast.Dict) and len(content) < len(written.keys):
        raise UserError(f"{path} names a key twice; each class has one number")

    return content if isinstance(content, (list, dict)) else None


def _of_json(content: object, path: str) -> ClassList:
    if isinstance(content, Mapping) and (
        inner := [content[key] for key in _LISTS if key in content]
    ):
        content = inner[0] if isinstance(inner[0], (list, Mapping)) else content

    if isinstance(content, list) and content and all(isinstance(name, str) for name in content):
        return ClassList(tuple(_unquoted(name.strip()) for name in content))

    pairs = None
    if isinstance(content, Mapping):
        pairs = [_pair(key, value) for key, value in content.items()]
    elif isinstance(content, list) and all(isinstance(entry, Mapping) for entry in content):
        pairs = [_pair(*map(entry.get, _keys(entry))) for entry in content]

    if not pairs or None in pairs:
        raise UserError(
            f"{path} is not a list of class names of a known form; "
            'write {"name": 0, ...} or plain lines'
        )

    return _in_order(pairs, path)


def _keys(entry: Mapping[str, object]) -> tuple[str, str]:
    numbers = [key for key, value in entry.items() if whole(_text(value)) is not None]
    names = [key for key, value in entry.items() if isinstance(value, str) and whole(value) is None]
    named = [key for key in names if "name" in key] or names

    return (numbers[0], named[0]) if len(numbers) == 1 and len(named) == 1 else ("", "")


def _text(value: object) -> str:
    # Python refuses to convert integers of thousands of digits to text.
    is_number = isinstance(value, (int, float, str))
    return str(value) if is_number and not (isinstance(value, int) and abs(value) > 10**9) else ""


def _pair(key: object, value: object) -> tuple[int, str] | None:
    """Returns (number, name) of a class from two values in either order; None if ambiguous."""
    numbers = [None if isinstance(word, bool) else whole(_text(word)) for word in (key, value)]
    if None not in numbers or numbers == [None, None]:
        return None

    number, name = (numbers[0], value) if numbers[1] is None else (numbers[1], key)
    return (number, _unquoted(name.strip())) if isinstance(name, str) else None
