"""Matches the classes of a model with the classes of a test set, and translates its answers."""

import dataclasses
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int

from albar_jax.audit.models.base import Answer
from albar_jax.data.labels import some
from albar_jax.errors import UserError
from albar_jax.terminal.escapes import notify

# "same": both have the same classes. "subset": the argmax is taken over the classes in common.
Classes = Literal["same", "subset"]
_UNKNOWN = -1
# Class names that a message lists: all of HMDB51's.
_MOST_LISTED = 60


@dataclasses.dataclass(frozen=True, eq=False)
class ClassMatch:
    """The test set's class of each class of the model.

    Attributes:
      target: number of the test set's class, int (K of the model,); -1 without one.
      num_test: classes of the test set.
      is_subset: whether answers are restricted to the classes in common.
    """

    target: Int[np.ndarray, " k"]
    num_test: int
    is_subset: bool = False

    @property
    def common(self) -> frozenset[int]:
        """The numbers of the test set's classes that the model has."""
        return frozenset(self.target[self.target != _UNKNOWN].tolist())

    def translate(self, answer: Answer) -> Answer:
        """Returns an answer in the classes of the test set.

        Probabilities of several classes of the model that are one class of the test set are added.
        In a subset they are divided by their sum. An answer outside of the common classes is None.
        """
        if answer is None:
            return None
        if isinstance(answer, int):
            number = int(self.target[answer])
            return None if number == _UNKNOWN else number

        probs = np.zeros(self.num_test, np.float32)
        is_known = self.target != _UNKNOWN
        np.add.at(probs, self.target[is_known], answer[is_known])
        if not self.is_subset:
            return probs

        total = probs.sum()
        return probs / total if total > 0 else None

    def in_words(self) -> str:
        """Describes a subset for the reader of a table; "" if all classes match."""
        if not self.is_subset:
            return ""
        return (
            f"argmax over the {len(self.common)} classes in common of the model's "
            f"{len(self.target)} and the test set's {self.num_test}"
        )


def match(
    name: str,
    ours: Sequence[str] | None,
    tests: Sequence[str],
    label_map: Mapping[str, str],
    classes: Classes,
) -> ClassMatch:
    """Matches the classes of a model with the classes of a test set.

    Names match if they differ only in case, blanks, punctuation and underscores.

    Args:
      name: name of the model for messages.
      ours: classes of the model; None if they are the classes of the test set, in their order.
      tests: classes of the test set.
      label_map: the test set's name of some classes of the model.
      classes: whether all classes must match.

    Raises:
      UserError: classes do not match, or `label_map` names a class that does not exist.
    """
    if ours is None:
        return ClassMatch(np.arange(len(tests)), len(tests))

    numbers = _Names(tests)
    target = []
    by_map = _from_map(label_map, ours, numbers)
    # Names that are equal come first. The map may add further classes to any of them.
    taken = set(ours) & set(tests)
    for number, class_name in enumerate(ours):
        found = by_map.get(number, _UNKNOWN)
        if found == _UNKNOWN:
            found = numbers.find(class_name)
            # "Jump" is not "jump" if the model has both.
            if found != _UNKNOWN and class_name not in tests and tests[found] in taken:
                found = _UNKNOWN
            elif found != _UNKNOWN:
                taken.add(tests[found])
        target.append(found)

    matched = ClassMatch(np.array(target, int), len(tests), classes == "subset")
    return _checked(name, matched, ours, tests)


def _from_map(label_map: Mapping[str, str], ours: Sequence[str], tests: "_Names") -> dict[int, int]:
    """Returns the test set's class of each class of the model that the map names, by number."""
    models = _Names(ours)
    numbers = {}
    unused = []
    for model, test in label_map.items():
        pair = models.find(model), tests.find(test)
        if _UNKNOWN in pair:
            unused.append(f"{model},{test}")
        else:
            numbers[pair[0]] = pair[1]

    # A map may serve several models and test sets, so this is no error.
    if unused:
        notify(
            f"note: {len(unused)} lines of --label-map name a class that the model or the test set "
            f"lacks: {some(unused, 3)}"
        )
    return numbers


class _Names:
    """Finds the number of a class by its name, or by its plain form if that is unique."""

    def __init__(self, names: Sequence[str]):
        self._exact = {name: number for number, name in enumerate(names)}
        self._plain: dict[str, list[int]] = {}
        for number, name in enumerate(names):
            self._plain.setdefault(plain(name), []).append(number)

    def find(self, name: str) -> int:
        """Returns the number of a class; -1 if there is none, or several."""
        if name in self._exact:
            return self._exact[name]
        numbers = self._plain.get(plain(name), ())
        return numbers[0] if len(numbers) == 1 else _UNKNOWN


def plain(name: str) -> str:
    """Returns a class name without case, blanks, punctuation and underscores."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    letters = "".join(filter(str.isalnum, folded))
    # A name of signs alone stays as it is.
    return letters or folded


def _checked(
    name: str, matched: ClassMatch, ours: Sequence[str], tests: Sequence[str]
) -> ClassMatch:
    """Returns the match, or raises UserError and lists the classes that do not match."""
    extra = [ours[number] for number in np.flatnonzero(matched.target == _UNKNOWN).tolist()]
    missing = [tests[number] for number in sorted(set(range(len(tests))) - matched.common)]
    if not extra and not missing:
        # The argmax over all classes is no subset.
        return dataclasses.replace(matched, is_subset=False)

    if extra and not matched.is_subset:
        notify(f"classes of {name} that the test set lacks: {_listed(extra)}")
    if missing:
        notify(f"classes of the test set that {name} lacks: {_listed(missing)}")
    if matched.is_subset and matched.common:
        notify(f"note: {name}: {matched.in_words()}")
        return matched

    remedy = "name the model's own classes with --model-classes, or the same ones in --label-map"
    if matched.common:
        remedy += f", or give --classes subset for the {len(matched.common)} in common"
    raise UserError(
        f"{len(extra)} of {len(ours)} classes of {name} and {len(missing)} of {len(tests)} classes "
        f"of the test set do not match, {some(extra or missing, 3)}; {remedy}"
    )


def _listed(names: Sequence[str]) -> str:
    """Lists class names, at most `_MOST_LISTED` of them."""
    more = len(names) - _MOST_LISTED
    text = ", ".join(names[:_MOST_LISTED])
    return f"{text} and {more} more" if more > 0 else text
