"""Finds and converts the arguments `--config.FIELD` of a command line."""

import ast
import re
from collections.abc import Sequence

from albar_jax.errors import UserError

# One field of the config; absl also accepts --noconfig.FIELD for a boolean field.
_CHANGE = re.compile(r"--?(no)?config\.")


def assignments(changes: Sequence[str]) -> list[str]:
    """Converts the arguments that change config fields to `FIELD=VALUE`.

    Args:
      changes: `--config.FIELD=VALUE`; or `--config.FIELD` and then its value, if it has one. A
        boolean field without a value is True, and False as `--noconfig.FIELD`.
    """
    converted: list[str] = []
    for word in changes:
        change = _CHANGE.match(word)
        if change is None:
            converted[-1] = f"{converted[-1].partition('=')[0]}={word}"
            continue

        field = word[change.end() :]
        default = "False" if change[1] else "True"
        converted.append(field if "=" in field else f"{field}={default}")

    return converted


def parse(assignment: str) -> tuple[str, object]:
    """Parses FIELD=VALUE; a value that is not a Python literal is a string.

    Raises:
      UserError: there is no value.
    """
    field, equals, value = assignment.partition("=")
    if not equals:
        raise UserError(
            f"--set {assignment} has no value; write FIELD=VALUE, as in --set loader.workers=8"
        )
    # Only literals: a value from the command line never runs as code.
    try:
        return field, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return field, value


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separates the arguments that change config fields, with their values, from all others."""
    others: list[str] = []
    changes: list[str] = []
    remaining = list(words)

    while remaining:
        word = remaining.pop(0)
        if not _CHANGE.match(word):
            others.append(word)
            continue

        changes.append(word)
        # `--config.FIELD VALUE`; a boolean field needs no value. A negative number has one dash.
        has_value = remaining and not remaining[0].startswith("--")
        if "=" not in word and has_value:
            changes.append(remaining.pop(0))

    return others, changes
