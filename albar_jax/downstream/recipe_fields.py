"""Defines and checks the fields of a recipe. It needs no JAX."""

import dataclasses
import typing
from typing import Any

from albar_jax.errors import UserError
from albar_jax.schema import fields


def recipe_field(default: Any, help: str) -> Any:
    """Returns a field of a recipe; its annotation is its type and range."""
    return dataclasses.field(default=default, metadata={"help": help, "trains": False})


def training_field(default: Any, help: str) -> Any:
    """Returns a field of a recipe that matters for training only, not for tests of weights."""
    return dataclasses.field(default=default, metadata={"help": help, "trains": True})


def check_ranges(recipe: Any, head: str) -> None:
    """Checks all fields against their annotations; called while the recipe is made.

    Args:
      recipe: the recipe, a frozen dataclass.
      head: name of the head for messages.

    Raises:
      UserError: a value has another type, or is out of range.
    """
    kinds = typing.get_type_hints(type(recipe), include_extras=True)
    for name, kind in kinds.items():
        checked = fields.check(kind, getattr(recipe, name), f"{head}: {name}")
        object.__setattr__(recipe, name, checked)


def refuse_unless(is_valid: bool, recipe: Any, head: str, name: str, rule: str) -> None:
    """Raises UserError if a field does not suit the other fields.

    Args:
      is_valid: whether it suits them.
      recipe: the recipe.
      head: name of the head.
      name: name of the field.
      rule: text after "but it".
    """
    if not is_valid:
        raise UserError(f"{head}: {name} is {getattr(recipe, name)!r}, but it {rule}")
