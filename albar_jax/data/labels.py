"""Converts the labels of a manifest, names or numbers in any spelling, to class numbers."""

import collections
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.class_list_forms import ClassList
from albar_jax.storage.class_names import count_classes
from albar_jax.storage.csv_files import is_missing, whole

# Maps a row to its name in error messages.
NameRow = Callable[[int], str]


def class_names(labels: Sequence[str], name_row: NameRow, path: str) -> tuple[str, ...]:
    """Derives the class names from labels: sorted names, or "0" to the largest number.

    Args:
      labels: label of each row.
      name_row: names a row in messages.
      path: the manifest, for messages.

    Raises:
      UserError: a label is missing, names and numbers are mixed, or a number is implausible.
    """
    for row, label in enumerate(labels):
        if is_missing(label):
            raise UserError(
                f"{name_row(row)} has the label {label!r}, which means a missing value; give "
                "its class"
            )

    # Each distinct label as a number, or None for a name.
    number_of = {label: whole(label) for label in set(labels)}
    names = [label for label, number in number_of.items() if number is None]

    if not names:
        label_of = {}
        for label, number in number_of.items():
            if number is not None:
                label_of[number] = label

        count = count_classes(label_of, lambda number: name_row(labels.index(label_of[number])))
        return tuple(map(str, range(count)))

    if len(names) < len(number_of):
        number = min(number_of.keys() - set(names))
        raise UserError(
            f"{path} mixes class numbers ({number!r}) and class names ({min(names)!r}); use one of "
            "the two"
        )

    return tuple(sorted(set(map(composed, names))))


def number_labels(
    labels: Sequence[str], classes: Sequence[str], own: ClassList
) -> tuple[Int[np.ndarray, " n"], list[str]]:
    """Converts labels to class numbers.

    A label is looked up as a name, then as a number of the manifest's own class list, then as a
    number of `classes`. If class names are numbers, a number is always a name: "1" among "1", "2",
    "10" is the first class. Names are compared in Unicode's composed form.

    Args:
      labels: label of each row.
      classes: class names in the order of their numbers.
      own: the class list in the manifest's folder; empty if there is none.

    Returns:
      The class number of each label, int32 (n,), and the labels that are not in `classes`, sorted.
    """
    index_of = {composed(name): index for index, name in enumerate(classes)}
    by_number = _index_by_number(classes, own, index_of)

    class_of: dict[str, int | None] = {}
    for label in set(labels):
        class_of[label] = index_of.get(composed(label), by_number.get(whole(label)))

    unknown = sorted(label for label, index in class_of.items() if index is None)
    numbers = np.array([class_of[label] or 0 for label in labels], np.int32)

    return numbers, unknown


def _index_by_number(
    classes: Sequence[str], own: ClassList, index_of: Mapping[str, int]
) -> dict[int | None, int]:
    """Maps each number that a label may be to the index of its class."""
    are_numbers = index_of.keys() == set(map(str, range(len(classes))))
    if own.names and are_numbers:
        return {own.first + index: index for index in range(len(classes))}

    if own.names:
        return _index_by_listed_number(own, index_of)
    return _index_by_listed_number(ClassList(tuple(classes)), index_of)


def _index_by_listed_number(
    listed: ClassList, index_of: Mapping[str, int]
) -> dict[int | None, int]:
    """Maps each number to the index of its class. A number that names two classes is left out."""
    numbers = [whole(name) for name in listed.names]
    # A list of names numbers its classes by their position.
    if all(number is None for number in numbers):
        numbers = list(range(listed.first, listed.first + len(numbers)))

    count = collections.Counter(numbers)
    by_number = {}
    for number, name in zip(numbers, map(composed, listed.names), strict=True):
        if number is not None and count[number] == 1 and name in index_of:
            by_number[number] = index_of[name]

    return by_number


def some(names: Sequence[str], most: int = 5) -> str:
    """Formats names for a message; at most `most` are listed."""
    listed = ", ".join(names[:most])
    if len(names) > most:
        listed += ", ..."
    return listed
