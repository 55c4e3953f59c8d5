"""Checks the metadata of a checkpoint before it is used."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from albar_jax.errors import UserError
from albar_jax.schema import fields
from albar_jax.storage.class_names import MOST_CLASSES
from albar_jax.train.experiment import Summary

_DAMAGED = "; it is damaged: delete it to use another checkpoint, or train again"
# Entry that only the checkpoints of one command have -> the command.
_COMMANDS = {"classes": "albar train", "progress": "albar downstream train"}


def check_meta(meta: Any, name: str, needed: Sequence[str]) -> dict[str, Any]:
    """Returns the metadata of a checkpoint after checking the types of its known entries.

    Args:
      meta: parsed JSON of the checkpoint.
      name: name of the checkpoint for messages.
      needed: required entries, such as "config".

    Raises:
      UserError: another command wrote it, or an entry is missing or has a wrong type.
    """
    if not isinstance(meta, dict):
        raise UserError(f"{name} has no metadata of its run{_DAMAGED}")

    _refuse_other_command(meta, name, needed)
    for entry in needed:
        if entry not in meta:
            raise UserError(f"{name} lacks the entry {entry!r}{_DAMAGED}")

    for entry, is_sound in _CHECKS.items():
        if entry in meta and not is_sound(meta[entry]):
            raise UserError(f"the entry {entry!r} of {name} has a wrong type{_DAMAGED}")

    return meta


def _refuse_other_command(meta: Mapping[str, Any], name: str, needed: Sequence[str]) -> None:
    """Raises UserError if another command wrote the checkpoint, so that it lacks an entry."""
    commands = [command for entry, command in _COMMANDS.items() if entry in meta]
    wanted = [command for entry, command in _COMMANDS.items() if entry in needed]
    if commands and wanted and not set(wanted) <= set(commands):
        raise UserError(
            f"{name} was written by `{commands[0]}`, but one of `{wanted[0]}` is needed here; "
            "choose another --workdir"
        )


def summary_of(meta: Mapping[str, Any], name: str) -> Summary:
    """Returns the summary in the metadata of a checkpoint.

    Args:
      meta: metadata that `check_meta` has returned.
      name: name of the checkpoint for messages.

    Raises:
      UserError: a field is unknown or has an invalid value.
    """
    # The annotations of `Summary` define the types.
    kinds = {field.name: field.type for field in dataclasses.fields(Summary)}
    checked = {}
    for field, value in meta["summary"].items():
        if field not in kinds:
            raise UserError(f"the summary of {name} has the unknown field {field!r}{_DAMAGED}")
        try:
            checked[field] = fields.check(kinds[field], value, field)
        except UserError as error:
            raise UserError(f"the summary of {name} is invalid: {error}{_DAMAGED}") from None

    return Summary(**checked)


def _is_classes(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and _are_texts(value)


def _is_unreadable(value: Any) -> bool:
    return isinstance(value, dict) and _are_texts(value.values())


def _is_coverage(value: Any) -> bool:
    """Returns whether a value is a dict of class number, as text -> count."""
    if not isinstance(value, dict):
        return False

    for label, count in value.items():
        # The length limit keeps `int` fast.
        if not label.isdecimal() or len(label) >= 9 or int(label) >= MOST_CLASSES:
            return False
        if not isinstance(count, int) or isinstance(count, bool):
            return False

    return True


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_origin(value: Any) -> bool:
    """Returns whether a value states the features and the classes that a head was trained on."""
    if not isinstance(value, dict) or not isinstance(value.get("features"), dict):
        return False

    classes = value.get("classes")
    return isinstance(classes, list) and _are_texts(classes)


_CHECKS = {
    "config": lambda value: isinstance(value, dict),
    "trained_on": _is_origin,
    "classes": _is_classes,
    "videos": lambda value: isinstance(value, str),
    "summary": lambda value: isinstance(value, dict),
    "unreadable": _is_unreadable,
    "coverage": _is_coverage,
}
