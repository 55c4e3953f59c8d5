"""Reads the parts of a world's file: sizes, classes, families and biases."""

import dataclasses
import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal

from albar_jax.errors import UserError
from albar_jax.schema.fields import Share, check
from albar_jax.schema.ranges import Range
from albar_jax.toy.motions import MOTIONS, Motion
from albar_jax.toy.spec_tables import as_table, choice, read_table, refuse_unknown

# More classes than this would not fit into one confusion matrix on a page.
_MOST_CLASSES = 100
_MOST_FAMILIES = 1000
# At once.
_MOST_MOTIONS = 8
_CLASS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


@dataclasses.dataclass(frozen=True)
class Counts:
    """The numbers at the top of a file; see WorldSpec.

    Attributes:
      frames: frames of a clip.
      size: side of a frame in pixels.
      train: number of training clips.
      test: number of clips in each test set.
    """

    frames: Annotated[int, Range(4, 64)] = 8
    size: Annotated[int, Range(16, 128)] = 32
    train: Annotated[int, Range(2, 10**6)] = 1250
    test: Annotated[int, Range(2, 10**6)] = 320


@dataclasses.dataclass(frozen=True)
class Bias:
    """The table `bias`.

    Attributes:
      background: probability that a clip has the background family of its class; "none" makes all
        families equally likely.
      sprite: the same for the sprite family.
    """

    background: Share | Literal["none"] = "none"
    sprite: Share | Literal["none"] = "none"


def read_classes(table: Any, where: str) -> dict[str, tuple[Motion, ...]]:
    """Reads the table of classes: a motion, or a list of motions that happen at once.

    Raises:
      UserError: a name or a motion is wrong, or two classes move in the same way.
    """
    classes: dict[str, tuple[Motion, ...]] = {}
    for name, value in as_table(table, where).items():
        if not _CLASS_NAME.fullmatch(name):
            raise UserError(
                f"{where} has the class {name!r}; give a name of at most 40 letters, digits, _ and "
                "-, beginning with a letter"
            )

        motions = _read_motions(value, f"{where}.{name}")
        for other, known in classes.items():
            if known == motions:
                raise UserError(
                    f"{where}.{name} moves as {where}.{other} does; give each class its own motion"
                )
        classes[name] = motions

    if not 2 <= len(classes) <= _MOST_CLASSES:
        raise UserError(f"{where} has {len(classes)} classes; give 2 to {_MOST_CLASSES}")
    return classes


def read_families(
    value: Any, kinds: Mapping[str, Collection[str]], where: str
) -> list[dict[str, Any]]:
    """Reads families of backgrounds or sprites.

    Args:
      value: a list of tables, or one table of lists that stands for all their combinations. In
        these, the first list changes fastest.
      kinds: the keys whose values are names, each with the names; the first one is required. Each
        family also has a `hue` and may have a `name`.
      where: name of the table for error messages.

    Returns:
      The families in their order, each with a unique `name`.

    Raises:
      UserError: a value does not fit, or a family is repeated.
    """
    if isinstance(value, dict):
        # One more is enough to refuse them.
        value = list(itertools.islice(_combine(value, where), _MOST_FAMILIES + 1))
    if not isinstance(value, list) or not 2 <= len(value) <= _MOST_FAMILIES:
        raise UserError(
            f"{where} has to be a list of 2 to {_MOST_FAMILIES} tables, or a table of lists to "
            "combine"
        )

    families = []
    for number, table in enumerate(value):
        families.append(_read_family(table, kinds, f"{where}[{number}]"))
    return _name_families(families, next(iter(kinds)), where)


def probability(bias: float | str, num_families: int) -> float:
    """Returns the probability of a class's own family; equal for all families if it is "none"."""
    return 1 / num_families if isinstance(bias, str) else bias


def _read_motions(value: Any, where: str) -> tuple[Motion, ...]:
    if isinstance(value, list):
        if not 1 <= len(value) <= _MOST_MOTIONS:
            raise UserError(
                f"{where} is a list of {len(value)} motions; give 1 to {_MOST_MOTIONS} at once"
            )
        parts = []
        for number, part in enumerate(value):
            parts.append(_read_motion(part, f"{where}[{number}]"))
        return tuple(parts)
    return (_read_motion(value, where),)


def _read_motion(value: Any, where: str) -> Motion:
    options = dict(as_table(value, where))
    if "motion" not in options:
        raise UserError(f"{where} has no motion; add `motion = ...`, one of {', '.join(MOTIONS)}")
    kind = choice(options.pop("motion"), MOTIONS, f"{where}.motion")
    return read_table(MOTIONS[kind], options, where)


def _combine(table: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """Yields all combinations of the lists of a table."""
    lists = []
    for name, values in table.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"{where}.{name} is {values!r}; it has to be a list to combine")
        lists.append(values)

    # The first list changes fastest.
    for values in itertools.product(*reversed(lists)):
        yield dict(zip(table, reversed(values), strict=True))


def _read_family(table: Any, kinds: Mapping[str, Collection[str]], where: str) -> dict[str, Any]:
    refuse_unknown(as_table(table, where), [*kinds, "hue", "name"], where)
    for name in (next(iter(kinds)), "hue"):
        if name not in table:
            raise UserError(f"{where} has no {name}; add `{name} = ...`")

    family = {"hue": check(Share, table["hue"], f"{where}.hue")}
    if "name" in table:
        family["name"] = _name(table["name"], f"{where}.name")
    for name, known in kinds.items():
        if name in table:
            family[name] = choice(table[name], known, f"{where}.{name}")
    return family


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not _CLASS_NAME.fullmatch(value):
        raise UserError(
            f"{where} is {value!r}; give at most 40 letters, digits, _ and -, beginning with a "
            "letter"
        )
    return value


def _name_families(families: list[dict[str, Any]], main: str, where: str) -> list[dict[str, Any]]:
    """Names families that have no name: by their shape or pattern, if no other family has it."""
    kinds = [family[main] for family in families]
    names: set[str] = set()
    for number, family in enumerate(families):
        if "name" not in family:
            others = [family[key] for key in family if key not in (main, "hue")]
            long = [family[main], *others, f"{family['hue']:g}"]
            is_alone = kinds.count(family[main]) == 1
            family["name"] = family[main] if is_alone else "_".join(long)
        if family["name"] in names:
            raise UserError(
                f"{where}[{number}] is a second family {family['name']!r}; remove it, or give it a "
                "name of its own"
            )
        names.add(family["name"])
    return families
