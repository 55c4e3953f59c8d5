"""Reads JSON from untrusted files and reports any damage in one sentence."""

import json
import os
from typing import Any, NoReturn

from albar_jax.errors import UserError
from albar_jax.files import open_regular

# Our own files have at most 6 levels. Much deeper ones would overflow the stack of recursive code.
MOST_DEPTH = 100


def read(path: str | os.PathLike[str], *, remedy: str = "", finite: bool = True) -> Any:
    """Reads a JSON file; see `parse`.

    Args:
      path: path of the file.
      remedy: end of the message, such as "; delete it".
      finite: see `parse`.

    Raises:
      UserError: the file cannot be read or is not JSON.
    """
    try:
        with open(path, "rb", opener=open_regular) as file:
            content = file.read()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}{remedy}") from error

    return parse(content, path, remedy=remedy, finite=finite)


def read_object(
    path: str | os.PathLike[str], *, remedy: str = "", finite: bool = True
) -> dict[str, Any]:
    """Reads a JSON file that holds an object; see `read`."""
    content = read(path, remedy=remedy, finite=finite)
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: it does not hold a JSON object, {{...}}{remedy}")

    return content


def parse(
    content: str | bytes,
    name: str | os.PathLike[str],
    *,
    remedy: str = "",
    finite: bool = True,
    deep: bool = False,
) -> Any:
    """Parses JSON.

    Args:
      content: text, or bytes in UTF-8, UTF-16 or UTF-32.
      name: name of the file for messages.
      remedy: end of the message.
      finite: whether to refuse NaN and Infinity, which Python reads but JSON does not define.
      deep: whether to skip the depth check, for large files with a known structure.

    Raises:
      UserError: it is not JSON, repeats a key in one object, has a number with more than 4,300
        digits, or has more than MOST_DEPTH levels.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise UserError(
                f"{name} is damaged: it has the key {twice[:50]!r} twice in one object{remedy}"
            )

        return content

    def refuse(constant: str) -> NoReturn:
        raise UserError(
            f"{name} is damaged: it holds {constant}, which is not a JSON number{remedy}"
        )

    parse_constant = refuse if finite else None
    try:
        text = content
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        parsed = json.loads(text, object_pairs_hook=unique, parse_constant=parse_constant)
    except UserError:
        raise
    except RecursionError as error:
        raise UserError(f"{name} is damaged: its JSON is nested too deeply{remedy}") from error
    except ValueError as error:
        raise UserError(f"{name} is not readable as JSON: {_reason(error)}{remedy}") from error

    # Recursive code of the callers would fail later, without a file name.
    if not deep and _is_deep(parsed):
        raise UserError(f"{name} is damaged: its JSON is nested too deeply{remedy}")

    return parsed


def is_number(value: Any) -> bool:
    """Returns whether a parsed value is a number; True and False are none, as in JSON."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not text in UTF-8 (byte {error.start})"
    if isinstance(error, json.JSONDecodeError):
        return "it is empty" if not error.doc.strip() else str(error)

    # Python has this limit because the conversion takes quadratic time.
    return "it has a number with more than 4,300 digits"


def _is_deep(content: Any) -> bool:
    level = [content]
    for _ in range(MOST_DEPTH):
        level = [
            value for held in level for value in _values(held) if isinstance(value, (dict, list))
        ]
        if not level:
            return False

    return True


def _values(held: Any) -> Any:
    if isinstance(held, dict):
        return held.values()
    if isinstance(held, list):
        return held

    return ()
