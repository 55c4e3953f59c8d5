"""Converts nested dicts to nested dataclasses, with checks and defaults."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from albar_jax.errors import UserError
from albar_jax.schema import fields

Section = TypeVar("Section")


def parse(cls: type[Section], values: Any, where: str) -> Section:
    """Converts a nested dict to the dataclass `cls`; `where` names the section in errors.

    Raises:
      UserError: a field is unknown, missing or out of range.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{where} is {values!r}; it has to be a section of fields")
    kinds = typing.get_type_hints(cls, include_extras=True)
    if unknown := sorted(set(values) - set(kinds)):
        raise UserError(f"{where} has no field {unknown[0]!r}; it has {', '.join(kinds)}")
    if missing := sorted(set(kinds) - set(values)):
        raise UserError(f"{where} lacks the field {missing[0]!r}; start from configs/base.py")
    return cls(
        **{name: _field(kind, values[name], f"{where}.{name}") for name, kind in kinds.items()}
    )


def with_defaults(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the defaults of missing fields to a nested dict; fields without default stay missing."""
    whole, kinds = dict(values), typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        has_default = field.default is not dataclasses.MISSING
        if not dataclasses.is_dataclass(kinds[field.name]):
            if has_default:
                whole.setdefault(field.name, field.default)
            continue

        section = whole.get(field.name, {} if has_default else None)
        if isinstance(section, Mapping):
            whole[field.name] = with_defaults(kinds[field.name], section)

    return whole


def _field(kind: Any, value: Any, where: str) -> Any:
    return (
        parse(kind, value, where)
        if dataclasses.is_dataclass(kind)
        else fields.check(kind, value, where)
    )
