"""Lists the recipes of the heads as options of the command line. It needs no JAX."""

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import Any

from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.errors import UserError

# The recipe of each head; the same as `HeadKind.config` of `heads.HEADS`, which needs JAX.
RECIPES: Mapping[str, type] = {"mgfn": MgfnConfig, "tridet": TridetConfig}
_BOOLEANS = {"yes": True, "no": False}


@dataclasses.dataclass(frozen=True)
class Option:
    """A field of one or several recipes.

    Attributes:
      name: name of the field.
      help: its meaning and default, for each head that has it.
      metavar: placeholder of its value in the help.
      parse: converts text to its value; raises ValueError for other text.
    """

    name: str
    help: str
    metavar: str
    parse: Callable[[str], Any]

    @property
    def flag(self) -> str:
        """Its name on the command line, such as "--batch-size"."""
        return "--" + self.name.replace("_", "-")


def list_options(*, for_training: bool = True) -> list[Option]:
    """Returns the fields of all recipes, without repeating the names that they share.

    Args:
      for_training: whether to list the fields that matter for training only.
    """
    texts: dict[str, list[str]] = {}
    kinds: dict[str, Any] = {}
    for head, recipe in RECIPES.items():
        hints = typing.get_type_hints(recipe)
        for field in dataclasses.fields(recipe):
            if field.metadata["trains"] and not for_training:
                continue
            kinds[field.name] = hints[field.name]
            meaning = field.metadata["help"].rstrip(".")
            text = f"{head}: {meaning} (default: {_as_text(field.default)})"
            texts.setdefault(field.name, []).append(text)

    options = []
    for name, kind in kinds.items():
        metavar, parse = _parser(kind)
        options.append(Option(name, "; ".join(texts[name]), metavar, parse))

    return options


def make_recipe(head: str, values: Mapping[str, Any]) -> Any:
    """Returns the recipe of a head with other values for some fields.

    Args:
      head: name of the head.
      values: name of a field -> value; lists may stand for tuples, as in JSON.

    Raises:
      UserError: the head has no such field, or a value is out of range.
    """
    recipe = RECIPES[head]
    names = {field.name for field in dataclasses.fields(recipe)}
    for name in values:
        if name not in names:
            raise UserError(
                f"{head} has no option --{name.replace('_', '-')}; its options are listed by "
                "`albar downstream train --help`"
            )

    return recipe(**{name: _as_tuple(value) for name, value in values.items()})


def changed_fields(recipe: Any) -> dict[str, Any]:
    """Returns the fields of a recipe that differ from their defaults."""
    changed = {}
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if value != field.default:
            changed[field.name] = value

    return changed


def describe_changes(recipe: Any) -> str:
    """Describes how a recipe differs from the published one: `epochs=30, losses=before2023`."""
    return ", ".join(f"{name}={_as_text(value)}" for name, value in changed_fields(recipe).items())


def _parser(kind: Any) -> tuple[str, Callable[[str], Any]]:
    """Returns placeholder and parser of the values of a type."""
    if kind is bool:
        return "yes|no", _one_of(_BOOLEANS)

    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return "|".join(arguments), _one_of({choice: choice for choice in arguments})
    if typing.get_origin(kind) is tuple:
        metavar, parse = _parser(arguments[0])
        # A choice of names would make the placeholder too long.
        metavar = "NAME" if "|" in metavar else metavar
        return f"{metavar},...", lambda text: tuple(parse(part) for part in text.split(","))

    metavars = {int: "N", float: "X", str: "TEXT"}
    return metavars[kind], kind


def _one_of(values: Mapping[str, Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError(text)
        return values[text]

    return parse


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(_as_text, value))

    return str(value)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
