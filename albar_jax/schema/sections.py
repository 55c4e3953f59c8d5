"""Converts nested dicts to nested dataclasses, with checks and upgrades of saved values."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from albar_jax.errors import UserError
from albar_jax.schema import fields
from albar_jax.schema.definition import UNSET, Definition, definition_of

Section = TypeVar("Section")


def parse(cls: type[Section], values: Any, where: str) -> Section:
    """Converts a nested dict to the dataclass `cls`; `where` names the section in errors.

    Raises:
      UserError: a field is unknown, missing or out of range.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{where} is {values!r}; it has to be a section of fields")

    # Unknown fields first: a misspelt field is also a missing one.
    kinds = typing.get_type_hints(cls, include_extras=True)
    if unknown := sorted(set(values) - set(kinds)):
        raise UserError(f"{where} has no field {unknown[0]!r}; it has {', '.join(kinds)}")
    if missing := sorted(set(kinds) - set(values)):
        raise UserError(f"{where} lacks the field {missing[0]!r}; start from configs/base.py")

    checked = {}
    for name, kind in kinds.items():
        value = values[name]
        place = f"{where}.{name}"
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            checked[name] = parse(kind, value, place)
        else:
            checked[name] = fields.check(kind, value, place)

    return cls(**checked)


def upgrade(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a nested dict of a saved run to the current fields of `cls`.

    Renames fields and values, and adds missing fields with their saved default. Fields without a
    saved default stay missing, and so do sections with such a field.
    """
    upgraded = dict(values)
    kinds = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(kinds[field.name]):
            _upgrade_section(upgraded, field.name, kinds[field.name])
        else:
            _upgrade_field(upgraded, field.name, definition_of(field))

    return upgraded


def _upgrade_section(values: dict[str, Any], name: str, cls: type) -> None:
    """Upgrades the section `name` of `values` in place."""
    section = values.get(name, {})
    # A damaged config may have anything here; `parse` refuses it.
    if not isinstance(section, Mapping):
        return

    upgraded = upgrade(cls, section)
    # A section that was added later has a saved default for each of its fields.
    is_complete = upgraded.keys() >= {field.name for field in dataclasses.fields(cls)}
    if name in values or is_complete:
        values[name] = upgraded


def _upgrade_field(values: dict[str, Any], name: str, definition: Definition) -> None:
    """Upgrades the field `name` of `values` in place."""
    old_name = definition.saved_name
    if old_name in values and name not in values:
        values[name] = values.pop(old_name)

    value = values.get(name)
    if isinstance(value, str):
        values[name] = definition.saved_values.get(value, value)

    if definition.saved_default is not UNSET:
        values.setdefault(name, definition.saved_default)
