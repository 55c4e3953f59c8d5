"""Reads the tables of a world's file into dataclasses, whose annotations are types and ranges."""

import dataclasses
import difflib
import typing
from collections.abc import Collection, Mapping
from typing import Annotated, Any, TypeVar

from albar_jax.errors import UserError
from albar_jax.schema.fields import check
from albar_jax.toy.spans import ANY_ANGLE, Angle, Span, read_span

Record = TypeVar("Record")


def read_table(kind: type[Record], table: Any, where: str) -> Record:
    """Reads a table into a dataclass.

    Args:
      kind: a dataclass. A field without a default is required.
      table: value from the file.
      where: name of the table for error messages.

    Raises:
      UserError: it is no table, a key is unknown or missing, or a value does not fit.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    refuse_unknown(as_table(table, where), fields, where)
    for field in fields.values():
        has_default = field.default is not dataclasses.MISSING
        if field.name not in table and not has_default:
            raise UserError(f"{where} has no {field.name}; add `{field.name} = ...`")

    hints = typing.get_type_hints(kind, include_extras=True)
    values = {}
    for name, value in table.items():
        # The top of a file has a colon and no name.
        key = f"{where} {name}" if where.endswith(":") else f"{where}.{name}"
        values[name] = _read_value(hints[name], value, key)
    return kind(**values)


def as_table(value: Any, where: str) -> Mapping[str, Any]:
    """Returns a value that is a table. Raises UserError otherwise."""
    if not isinstance(value, dict):
        raise UserError(f"{where} is {value!r}; it has to be a table, such as {{ key = value }}")
    return value


def refuse_unknown(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raises UserError if a table has a key that does not exist."""
    for key in table:
        if key not in known:
            raise UserError(f"{where} has the unknown key {key!r}; {suggest(key, known)}")


def choice(value: Any, known: Collection[str], where: str) -> str:
    """Returns a value that is one of several names. Raises UserError otherwise."""
    if not isinstance(value, str) or value not in known:
        raise UserError(f"{where} is {value!r}; {suggest(str(value), known)}")
    return value


def suggest(word: str, known: Collection[str]) -> str:
    """Returns the remedy for an unknown word: the nearest known one, or all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"choose from {', '.join(known)}" if known else "remove it"


def _read_value(hint: Any, value: Any, where: str) -> Any:
    if hint == Angle and value == "any":
        return ANY_ANGLE
    if typing.get_origin(hint) is Annotated:
        plain, limit, *_ = typing.get_args(hint)
        if plain is Span:
            return read_span(value, limit, where)
    return check(hint, value, where)
