"""Parses class lists that are JSON or Python literals; see `class_list_forms`."""

import ast
import json
from collections.abc import Mapping, Sequence

from albar_jax.errors import UserError
from albar_jax.storage.csv_files import whole

# Keys of a JSON object that may hold the list.
_LISTS = ("classes", "categories", "labels", "names", "actions")


def literal(text: str, path: str) -> object | None:
    """Parses JSON or a Python literal.

    Args:
      text: text of the file.
      path: path of the file for messages.

    Returns:
      A list or dict; None for other text.

    Raises:
      UserError: a key is repeated.
    """

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
    # A class may be called "[other]".
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None

    if isinstance(written, ast.Dict) and len(content) < len(written.keys):
        raise UserError(f"{path} names a key twice; each class has one number")

    return content if isinstance(content, (list, dict)) else None


def plain_names(content: object) -> list[str] | None:
    """Returns the names of a list of texts; None for anything else."""
    content = _list_in(content)
    if not isinstance(content, list) or not content:
        return None
    if not all(isinstance(name, str) for name in content):
        return None

    return [name.strip() for name in content]


def numbered_names(content: object) -> list[tuple[int, str]] | None:
    """Returns (number, name) of all classes; None if a class is ambiguous or there are none."""
    content = _list_in(content)
    pairs = []
    if isinstance(content, Mapping):
        for key, value in content.items():
            pairs.append(_pair(key, value))
    elif isinstance(content, list):
        for entry in content:
            if not isinstance(entry, Mapping):
                return None
            number, name = _keys(entry)
            pairs.append(_pair(entry.get(number), entry.get(name)))

    if not pairs or None in pairs:
        return None

    return pairs


def _list_in(content: object) -> object:
    """Returns the list or object under the first known key of an object, or the content itself."""
    if isinstance(content, Mapping):
        for key in _LISTS:
            if key in content:
                inner = content[key]
                return inner if isinstance(inner, (list, Mapping)) else content

    return content


def _keys(entry: Mapping[str, object]) -> Sequence[str]:
    """Returns the keys of the number and the name of a class; "" for both if ambiguous."""
    numbers = []
    names = []
    for key, value in entry.items():
        if whole(_text(value)) is not None:
            numbers.append(key)
        elif isinstance(value, str):
            names.append(key)

    # Of several texts, the key says which one is the name.
    if any("name" in key for key in names):
        names = [key for key in names if "name" in key]
    if len(numbers) == 1 and len(names) == 1:
        return numbers[0], names[0]

    return "", ""


def _text(value: object) -> str:
    """Returns a number or text as text; "" for anything else."""
    if not isinstance(value, (int, float, str)):
        return ""
    # Python refuses to convert integers of thousands of digits to text.
    if isinstance(value, int) and abs(value) > 10**9:
        return ""

    return str(value)


def _pair(key: object, value: object) -> tuple[int, str] | None:
    """Returns (number, name) of a class from two values in either order; None if ambiguous."""
    first = _number(key)
    second = _number(value)
    if first is not None and second is None:
        number, name = first, value
    elif first is None and second is not None:
        number, name = second, key
    else:
        return None

    if not isinstance(name, str):
        return None

    return number, name.strip()


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None

    return whole(_text(value))
