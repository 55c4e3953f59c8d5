"""Reads and writes lists of class names, such as classes.txt.

A list has one name per line in the order of the class numbers, or a form of `class_list_forms`.
"""

import os
import re
from collections.abc import Callable, Collection, Sequence

from albar_jax.errors import UserError
from albar_jax.files import read_text, write_text
from albar_jax.storage.class_list_forms import ClassList, parse
from albar_jax.storage.csv_files import to_text

FILE = "classes.txt"
# ImageNet-21k has the most classes of any data set; their confusion matrix takes 4 GB.
MOST_CLASSES = 22_000
_FEW_CLASSES = 1000
_NOT_PLAIN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def read_class_list(path: str | os.PathLike[str]) -> ClassList:
    """Reads a list of class names; empty if the file does not exist.

    Raises:
      UserError: the file cannot be read, names a class twice, or has numbers that are not 0, 1, 2,
        ... or 1, 2, 3, ...
    """
    if not os.path.lexists(path):
        return ClassList(())

    try:
        text = read_text(path, remedy="; save them as UTF-8")
    except UserError as error:
        raise UserError(
            str(error).replace("cannot read ", "cannot read the class names in ", 1)
        ) from error

    return parse(text, str(path))


def write_class_list(path: str | os.PathLike[str], names: Sequence[str]) -> None:
    """Writes names, one per line, so that `read_class_list` returns them unchanged.

    If plain lines would be ambiguous, as "1 run" is, the file is a table `id,name`.

    Raises:
      UserError: a name is not a single line of text, or is repeated.
    """
    check_names(names, path)
    plain = "".join(f"{name}\n" for name in names)
    # Prefer plain lines; a table is never ambiguous.
    for text in (plain, to_text([("id", "name"), *enumerate(names)])):
        if _reads_as(text, names, os.fspath(path)):
            write_text(path, text)
            return

    raise UserError(
        f"{path} cannot hold the class names {list(names)}, which repeat one or are read as numbers"
    )


def check_names(names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Raises UserError for a class name that the list at `path` could not hold."""
    for name in filter(fault_of, names):
        raise UserError(
            f"{path} cannot hold the class name {name!r}, which {fault_of(name)}; rename it"
        )


def fault_of(name: str) -> str:
    """Returns why a name cannot be a line of a file or a field of a table; "" if it can.

    All line ends (U+2028, too) and a leading byte order mark count as control characters.
    """
    if not name.strip():
        return "is empty"
    if name != name.strip():
        return "has a blank at an end"

    match = re.match("\ufeff", name) or _NOT_PLAIN.search(name)
    if not match:
        return ""

    code = ord(match[0])

    if 0xD800 <= code < 0xE000:
        return "is not in UTF-8"

    return f"has the control character U+{code:04X}"


def are_numbers(names: Sequence[str]) -> bool:
    """Returns whether the names are "0", "1", ..., which stand for classes without names."""
    return list(names) == [str(number) for number in range(len(names))]


def count_classes(numbers: Collection[int], where: Callable[[int], str]) -> int:
    """Returns the number of classes: the largest of `numbers` plus one.

    Raises:
      UserError: a number is negative or implausibly large, such as a date in the wrong column.
        Implausible is MOST_CLASSES or more, or 1,000 or more and at least twice the count of
        different numbers. `where` names the place of a number.
    """
    smallest = min(numbers)
    largest = max(numbers)
    different = len(set(numbers))
    if smallest < 0:
        raise UserError(f"{where(smallest)} has the class number {smallest}; classes count from 0")
    if largest >= min(MOST_CLASSES, max(_FEW_CLASSES, 2 * different)):
        raise UserError(
            f"{where(largest)} has the class number {_short(largest)}, but there are only "
            f"{different} different numbers; correct it, or name all classes in a {FILE} in the "
            "same folder"
        )

    return largest + 1


def _short(number: int) -> str:
    return str(number) if number < 10**20 else f"{str(number)[:20]}..."


def _reads_as(text: str, names: Sequence[str], path: str) -> bool:
    try:
        return parse(text, path) == ClassList(tuple(names))
    except UserError:
        return False
