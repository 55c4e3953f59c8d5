"""Checks that all processes were launched with the same settings.

A mismatch would deadlock the first collective.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

import jax

from albar_jax.errors import UserError
from albar_jax.parallel.hosts import gather
from albar_jax.schema.changes import config_difference

# The number of workers and threads changes no bit of a batch. The limit on unreadable videos must be
# the same, or one process would stop while the others wait for it.
FREE_TO_DIFFER = ("workers", "threads")


def check_same_launch(settings: Mapping[str, Any]) -> None:
    """Compares the settings, nested and of JSON's kinds, of all processes; each of them has to ask.

    Raises:
      UserError: on all of them, if one has others than the first.
    """
    told = gather({str(jax.process_index()): json.dumps(without(settings, FREE_TO_DIFFER))})
    first = json.loads(told["0"])
    for process, text in told.items():
        difference = config_difference(first, json.loads(text))
        if difference:
            raise UserError(
                f"process {process} was not started as process 0 was; give all of them the same command. "
                f"Process 0 has, and it has: {'; '.join(difference)}"
            )


def without(settings: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Returns nested settings without the fields of these names at any level."""
    return {
        key: without(value, names) if isinstance(value, Mapping) else value
        for key, value in settings.items()
        if key not in names
    }
