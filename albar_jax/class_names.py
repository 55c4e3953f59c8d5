"""The one reader and the one writer of lists of class names, such as classes.txt.

A list has one name a line, in the order of the numbers of the classes. Published lists carry the numbers themselves,
from 0 or from 1, in any order: `0 name`, `name 0`, `0,name` with or without a header, JSON `{"name": 0}`,
`{"0": "name"}`, `["name", ...]`, `[{"id": 0, "name": "name"}, ...]`. These numbers are obeyed, and a list whose numbers
do not fit is refused. A name may be in double quotes.
"""

import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence

from albar_jax.csv_files import to_text, whole
from albar_jax.errors import UserError
from albar_jax.files import write_text

FILE = "classes.txt"
MOST_CLASSES = 22_000  # ImageNet-21k has the most, and a table of their confusions fills 4 GB.
_FEW_CLASSES = 1000

_N = r"\d+(?:\.\d*)?(?:[eE]\+?\d{1,2})?"
_LEADING = re.compile(rf'"?({_N})"?(?:\s*[,;:=|\t]\s*|[.)]\s+|\s+)(.+)', re.ASCII)
_TRAILING = re.compile(rf'(.+?)(?:\s*[,;:=|\t]\s*|\s+)"?({_N})"?', re.ASCII)
_HEADER = {"name", "names", "class", "classes", "class_name", "classname", "label", "labels", "action", "category"}
_PROTOBUF = re.compile(r"\s*(item|label|labels)\s*\{")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_NOT_PLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LISTS = ("classes", "categories", "labels", "names", "actions")  # a JSON file may hold the list under such a key


@dataclasses.dataclass(frozen=True)
class ClassList:
    """The names of all classes in the order of their numbers, and the number of the first one, 0 or 1."""

    names: tuple[str, ...]
    first: int = 0


def read_class_list(path: str | os.PathLike[str]) -> ClassList:
    """Reads a list of class names; it has no names if there is no such file.

    Raises:
      UserError: the file cannot be read, names a class twice, or has numbers that are not 0, 1, 2, ... or 1, 2, 3, ...
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ClassList(())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the class names in {path}: {error}; save them as UTF-8") from error
    return _parse(text, str(path))


def write_class_list(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    """Writes the names, one a line, so that `read_class_list` gives them back.

    Where plain lines would be read as something else, as "1 run" would, each line is `number,name`. Raises UserError
    for names that no line can hold.
    """
    expected = ClassList(tuple(names))
    plain = "".join(f"{name}\n" for name in names)

    for text in (plain, to_text(enumerate(names), os.fspath(path))):
        if _reads_as(text, expected, os.fspath(path)):
            write_text(path, text)
            return
    odd = next((name for name in names if not is_plain(name)), names[0] if names else "")
    raise UserError(f"{path} cannot hold the class name {odd!r}: it would not be read back as it is; rename the class")


def is_plain(name: str) -> bool:
    """Says whether a name can be a line of a file and a field of a table.

    It is not empty, has no blank at its ends and no control character. Line ends of all kinds (U+2028, too), a byte
    order mark in front, and what is not UTF-8 count as control characters.
    """
    return bool(name) and name == name.strip() and not name.startswith("\ufeff") and not _NOT_PLAIN.search(name)


def count_classes(numbers: Collection[int], where: Callable[[int], str]) -> int:
    """Returns how many classes there are if `numbers` are some of theirs: one more than the largest.

    Raises:
      UserError: a number is negative, or the largest is likely a stray, such as a date in the wrong column: it is at
        least 1,000 and at least twice the count of different numbers, or it is MOST_CLASSES or more. `where` names
        the place of a number.
    """
    smallest, largest, different = min(numbers), max(numbers), len(set(numbers))
    if smallest < 0:
        raise UserError(f"{where(smallest)} has the class number {smallest}; classes count from 0")
    if largest >= min(MOST_CLASSES, max(_FEW_CLASSES, 2 * different)):
        raise UserError(
            f"{where(largest)} has the class number {_short(largest)}, but there are only {different} different "
            f"numbers; mend it, or name all classes in a {FILE} beside the file"
        )
    return largest + 1


def _short(number: int) -> str:
    return str(number) if number < 10**20 else f"{str(number)[:20]}..."


def _reads_as(text: str, expected: ClassList, path: str) -> bool:
    try:
        return all(map(is_plain, expected.names)) and _parse(text, path) == expected
    except UserError:
        return False


def _parse(text: str, path: str) -> ClassList:
    content = _json(text, path) if text.lstrip()[:1] in ("{", "[") else None
    if content is None:
        # Not splitlines, which ends lines at U+2028 and the like, too.
        lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
        found = _of_lines(lines, path)
    else:
        found = _of_json(content, path)

    seen: set[str] = set()
    for name in found.names:
        if name in seen:
            raise UserError(f"{path} names the class {name!r} twice; each name is that of one class")
        seen.add(name)
    return found


def _of_lines(lines: Sequence[str], path: str) -> ClassList:
    if path.endswith(".json") or (lines and _PROTOBUF.match(lines[0])):
        raise UserError(f"{path} is not a list of class names of a known form; write one name a line")
    forms = (_numbered(lines, path, _LEADING, 1, 2), _numbered(lines, path, _TRAILING, 2, 1))
    fitting = [pairs for pairs in forms if pairs and _first(pairs) is not None]
    if len(fitting) == 2 and [n for n, _ in fitting[0]] != [n for n, _ in fitting[1]]:
        raise UserError(f"{path} has numbers before and after its names, which differ; keep one of them")
    pairs = fitting[0] if fitting else next(filter(None, forms), None)
    if pairs:
        return _in_order(pairs, path)

    if lines and lines[0].strip('"').lower() in _HEADER:
        raise UserError(f"line 1 of {path} is {lines[0]!r}, which looks like the header of a table; delete that line")
    return ClassList(tuple(map(_unquoted, lines)))


def _numbered(
    lines: Sequence[str], path: str, form: re.Pattern, number: int, name: int
) -> list[tuple[int | None, str]] | None:
    """Returns the numbers and names of lines of this form, after a header if there is one; None for other lines."""
    matches = [form.fullmatch(line) for line in lines]
    lines = list(lines)
    if len(lines) > 1 and not matches[0] and len(re.split("[,;\t]", lines[0])) == 2:
        matches, lines = matches[1:], lines[1:]
    unmatched = [place for place, match in enumerate(matches) if not match]
    pairs = [(whole(match[number]), _unquoted(match[name])) for match in matches if match]
    if len(unmatched) == 1 and len(pairs) > 1 and {n for n, _ in pairs} <= set(range(len(pairs) + 2)):
        raise UserError(f"{path} has numbers, but not on the line {lines[unmatched[0]]!r}; number all classes or none")
    return None if unmatched else pairs or None


def _unquoted(name: str) -> str:
    match = _QUOTED.fullmatch(name)
    return match[1].replace('""', '"') if match else name


def _first(pairs: Sequence[tuple[int | None, str]]) -> int | None:
    """Returns 0 or 1 if the numbers count from it, without a gap; None otherwise."""
    numbers = {number for number, _ in pairs}
    return next((n for n in (0, 1) if numbers == set(range(n, n + len(pairs)))), None)


def _in_order(pairs: Sequence[tuple[int | None, str]], path: str) -> ClassList:
    first = _first(pairs)
    if first is None:
        raise UserError(
            f"the numbers of the {len(pairs)} classes in {path} are not 0, 1, 2, ... or 1, 2, 3, ..., each once; mend "
            "them, or, if they are parts of the names, write `0,name`, `1,name`, ..."
        )
    names = tuple(name for _, name in sorted(pairs))
    if "" in names:
        raise UserError(f"{path} has an empty class name; name every class")
    return ClassList(names, first)


def _json(text: str, path: str) -> object | None:
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
        return None  # a class may be called "[other]"


def _of_json(content: object, path: str) -> ClassList:
    if isinstance(content, Mapping) and (inner := [content[key] for key in _LISTS if key in content]):
        content = inner[0] if isinstance(inner[0], (list, Mapping)) else content
    if isinstance(content, list) and content and all(isinstance(name, str) for name in content):
        return ClassList(tuple(_unquoted(name.strip()) for name in content))
    pairs = None
    if isinstance(content, Mapping):
        pairs = [_pair(key, value) for key, value in content.items()]
    elif isinstance(content, list) and all(isinstance(entry, Mapping) for entry in content):
        pairs = [_pair(*map(entry.get, _keys(entry))) for entry in content]
    if not pairs or None in pairs:
        raise UserError(f'{path} is not a list of class names of a known form; write {{"name": 0, ...}} or plain lines')
    return _in_order(pairs, path)


def _keys(entry: Mapping[str, object]) -> tuple[str, str]:
    numbers = [key for key, value in entry.items() if whole(str(value)) is not None]
    names = [key for key, value in entry.items() if isinstance(value, str) and whole(value) is None]
    named = [key for key in names if "name" in key] or names
    return (numbers[0], named[0]) if len(numbers) == 1 and len(named) == 1 else ("", "")


def _pair(key: object, value: object) -> tuple[int, str] | None:
    """Returns number and name of a class, whichever of the two is which; None if that is not clear."""
    numbers = [None if isinstance(word, bool) else whole(str(word)) for word in (key, value)]
    if None not in numbers or numbers == [None, None]:
        return None
    number, name = (numbers[0], value) if numbers[1] is None else (numbers[1], key)
    return (number, _unquoted(name.strip())) if isinstance(name, str) else None
