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
Where = Callable[[int], str]
# Number of classes listed in a message.
_NAMED = 5


def class_names(labels: Sequence[str], where: Where, path: str) -> tuple[str, ...]:
    """Derives the class names from labels: sorted names, or "0" to the largest number.

    Raises:
      UserError: a label is missing, names and numbers are mixed, or a number is implausible.
    """
    numbers = {label: whole(label) for label in set(labels)}
    missing = next((row for row, label in enumerate(labels) if is_missing(label)), None)
    if missing is not None:
        raise UserError(
            f"{where(missing)} has the label {labels[missing]!r}, which stands for a missing value; give its class"
        )

    names = [label for label, number in numbers.items() if number is None]
    if not names:
        values = {number: label for label, number in numbers.items()}
        count = count_classes(values, lambda number: where(labels.index(values[number])))
        return tuple(map(str, range(count)))
    if len(names) < len(numbers):
        number = min(label for label, number in numbers.items() if number is not None)
        raise UserError(
            f"{path} mixes class numbers ({number!r}) and class names ({min(names)!r}); use one of the two"
        )

    return tuple(sorted(set(map(composed, names))))


def number_labels(
    labels: Sequence[str], classes: Sequence[str], own: ClassList
) -> tuple[Int[np.ndarray, " n"], list[str]]:
    """Returns the class number of each label, and the labels that are not in `classes`.

    A label is looked up as a name, then as a number of the manifest's own class list, then as a
    number of `classes`. If class names are numbers, a number is always a name: "1" among "1", "2",
    "10" is the first class. Names are compared in Unicode's composed form.

    Args:
      labels: label of each row.
      classes: class names in the order of their numbers.
      own: the class list beside the manifest; empty if there is none.
    """
    position = {composed(name): place for place, name in enumerate(classes)}
    if own.names and position.keys() == set(map(str, range(len(classes)))):
        by_number = {own.first + place: place for place in range(len(classes))}
    else:
        by_number = _by_number(own if own.names else ClassList(tuple(classes)), position)
    found = {
        label: position.get(composed(label), by_number.get(whole(label))) for label in set(labels)
    }
    unknown = sorted(label for label, place in found.items() if place is None)
    return np.array([found[label] or 0 for label in labels], np.int32), unknown


def _by_number(listed: ClassList, position: Mapping[str, int]) -> dict[int | None, int]:
    """Maps each number to the index of its class. A number that names two classes is left out."""
    numbers = [whole(name) for name in listed.names]
    if numbers == [None] * len(numbers):
        numbers = list(range(listed.first, listed.first + len(numbers)))
    count = collections.Counter(numbers)
    return {
        number: position[name]
        for number, name in zip(numbers, map(composed, listed.names), strict=True)
        if number is not None and count[number] == 1 and name in position
    }


def some(names: Sequence[str]) -> str:
    """Formats the first few names for a message."""
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
