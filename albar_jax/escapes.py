"""Escapes text of strangers for the terminal, for tables and for pages.

Names of files, classes and clips may hold line ends, tabs, escape codes of terminals, and characters
that reverse the reading direction. Printed as they are, they forge lines and drive the terminal.
Everything that the package prints goes through `show` or `notify`.

In CSV and TSV files, a cell of text with such a character is written as `$'a\\nb'`, which is also how
bash writes it. A cell that a spreadsheet would take for a formula, such as `=1+1` or `-x`, gets an
apostrophe in front. `to_cell` and `from_cell` are inverses, so names that are read back are unchanged.
"""

import re
import shlex
import sys
from collections.abc import Iterable
from typing import TextIO

# Control characters of ASCII and Latin-1, marks and overrides of the reading direction, line and
# paragraph separators, byte order marks, and bytes of file names that are not UTF-8.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufeff\ud800-\udfff]")
# Python keeps byte 0xe9 of such a name as the character 0xdce9.
_BYTES = 0xDC00
_LETTERS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_QUOTED = re.compile(r"\$'((?:[^'\\]|\\(?:[nrt\\']|x[0-9a-f]{2}|u[0-9a-f]{4}))*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([nrt\\'])|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_FORMULA = re.compile(r"'*[=+\-@]", re.DOTALL)
# Numbers begin with a sign, too, and are no formulas.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-](inf|nan)", re.ASCII)
# How a cell begins that `to_cell` may have to change, in cells joined by line ends.
_SUSPECT = [f"\n{letter}" for letter in "'=+-@$"]
# What begins a tag, a link or code in Markdown. Names such as brush_hair stay as they are.
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|\](?=[(\[:])|[`|]|\\(?=[!-/:-@\[-`{-~])|&(?=#?\w+;)")


def printable(text: str) -> str:
    r"""Returns text as one line without control characters, which are escaped, as in \n, \x1b and \udce9."""
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
    """Quotes a word for a command that is shown to the user; bash reads it back, control characters too."""
    return _quoted(text) if _UNSAFE.search(text) else shlex.quote(text)


def shell_line(words: Iterable[str]) -> str:
    """Returns the words as one command line; see `shell_word`."""
    return " ".join(map(shell_word, words))


def markdown_text(text: str) -> str:
    """Returns text that Markdown shows as it is, also within a table: no tags, links or code."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", printable(text))


def needs_cells(fields: list[str]) -> bool:
    """Returns whether `to_cell` may change any of these fields; fast, because tables are long."""
    # Control characters, and some others, are not printable.
    if not "".join(fields).isprintable():
        return True
    text = "\n" + "\n".join(fields)
    return any(start in text for start in _SUSPECT)


def to_cell(field: object) -> str:
    """Returns a field as a cell of a table: one line, and no formula in a spreadsheet. Numbers are unchanged."""
    text = str(field)
    if not isinstance(field, str) or _NUMBER.fullmatch(text):
        return text
    if _UNSAFE.search(text) or _QUOTED.fullmatch(text):
        return _quoted(text)
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """Returns the field that `to_cell` wrote; other text is unchanged."""
    if cell.startswith("$'") and (match := _QUOTED.fullmatch(cell)):
        return _ESCAPE.sub(_character, match[1])
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{_UNSAFE.sub(_shell_code, escaped)}'"


def _shell_code(match: re.Match) -> str:
    """Writes a byte of a file name that is not UTF-8 as that byte, as bash does."""
    number = ord(match[0])
    return f"\\x{number - _BYTES:02x}" if 0x80 <= number - _BYTES < 0x100 else _code(match)


def _code(match: re.Match) -> str:
    number = ord(match[0])
    return _LETTERS.get(match[0]) or (f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}")


def _character(match: re.Match) -> str:
    if match[1]:
        return {"n": "\n", "r": "\r", "t": "\t"}.get(match[1], match[1])
    if match[2] and int(match[2], 16) >= 0x80:
        return chr(_BYTES + int(match[2], 16))
    return chr(int(match[2] or match[3], 16))
