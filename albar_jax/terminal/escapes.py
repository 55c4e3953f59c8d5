r"""Escapes untrusted text for terminals, tables and pages.

Names of files, classes and clips may contain line breaks, tabs, terminal escape codes, and
characters that reverse the reading direction. If printed unchanged, they could forge lines and
control the terminal. So everything that the package prints passes through `show` or `notify`.

In CSV and TSV files, a text cell with such a character is written as `$'a\nb'`, the quoting of
bash. A cell that a spreadsheet would treat as a formula, such as `=1+1` or `-x`, gets a leading
apostrophe.
`to_cell` and `from_cell` are inverses, so names do not change when they are read back.
"""

import re
import shlex
import sys
from collections.abc import Iterable
from typing import TextIO

# Control characters of ASCII and Latin-1, direction marks and overrides, line and paragraph
# separators, byte order marks, and bytes of file names that are not UTF-8.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e"
    "\u2066-\u206f\ufeff\ud800-\udfff]"
)
# Python represents byte 0xe9 of such a name by the character 0xdce9.
_BYTES = 0xDC00
_LETTERS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_QUOTED = re.compile(r"\$'((?:[^'\\]|\\(?:[nrt\\']|x[0-9a-f]{2}|u[0-9a-f]{4}))*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([nrt\\'])|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_FORMULA = re.compile(r"'*[=+\-@]", re.DOTALL)
# Numbers may also begin with a sign, but they are not formulas.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-](inf|nan)", re.ASCII)
# Matches, in cells joined by line breaks, the start of a cell that `to_cell` may have to change.
_SUSPECT = [f"\n{letter}" for letter in "'=+-@$"]
# Characters that start a tag, a link or code in Markdown. Names such as brush_hair stay unchanged.
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|\](?=[(\[:])|[`|]|\\(?=[!-/:-@\[-`{-~])|&(?=#?\w+;)")


def printable(text: str) -> str:
    r"""Returns text as one line with control characters escaped, such as \n, \x1b and \udce9."""
    return _UNSAFE.sub(_code, text)


def show(*lines: str, flush: bool = False) -> None:
    """Prints each text as one line on stdout, escaped."""
    _print(lines, sys.stdout, flush)


def notify(*lines: str) -> None:
    """Prints each text as one line on stderr, escaped."""
    _print(lines, sys.stderr, True)


def _print(lines: tuple[str, ...], stream: TextIO, flush: bool) -> None:
    for line in lines:
        print(printable(line), file=stream, flush=flush)


def shell_word(text: str) -> str:
    """Quotes a word of a command that is shown to the user for bash, with control characters."""
    return _quoted(text) if _UNSAFE.search(text) else shlex.quote(text)


def shell_line(words: Iterable[str]) -> str:
    """Joins words to one command line; see `shell_word`."""
    return " ".join(map(shell_word, words))


def markdown_text(text: str) -> str:
    """Escapes text so that Markdown shows it unchanged, also in a table: no tags, links or code."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", printable(text))


def needs_cells(fields: list[str]) -> bool:
    """Returns whether `to_cell` may change any of these fields; fast enough for long tables."""
    # Control characters, and some others, are not printable.
    if not "".join(fields).isprintable():
        return True
    text = "\n" + "\n".join(fields)
    return any(start in text for start in _SUSPECT)


def to_cell(field: object) -> str:
    """Formats a field as a table cell: on one line and no formula; numbers stay unchanged."""
    text = str(field)
    if not isinstance(field, str) or _NUMBER.fullmatch(text):
        return text
    if _UNSAFE.search(text) or _QUOTED.fullmatch(text):
        return _quoted(text)
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """Returns the field that `to_cell` wrote; other text stays unchanged."""
    if cell.startswith("$'") and (match := _QUOTED.fullmatch(cell)):
        return _ESCAPE.sub(_character, match[1])
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{_UNSAFE.sub(_shell_code, escaped)}'"


def _shell_code(match: re.Match[str]) -> str:
    """Returns the bash escape of one character; bytes that are not UTF-8 keep their value."""
    number = ord(match[0])
    return f"\\x{number - _BYTES:02x}" if 0x80 <= number - _BYTES < 0x100 else _code(match)


def _code(match: re.Match[str]) -> str:
    number = ord(match[0])
    return _LETTERS.get(match[0]) or (f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}")


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return {"n": "\n", "r": "\r", "t": "\t"}.get(match[1], match[1])
    if match[2] and int(match[2], 16) >= 0x80:
        return chr(_BYTES + int(match[2], 16))
    return chr(int(match[2] or match[3], 16))
