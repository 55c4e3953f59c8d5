"""Checks that all processes were launched with the same settings.

A mismatch would deadlock the first collective.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

import jax

from albar_jax.errors import UserError
from albar_jax.parallel.exchange import all_gather
from albar_jax.schema.changes import config_difference

# The number of workers and threads changes no bit of a batch. The limit on unreadable videos must
# be the same, or one process would stop while the others wait for it.
FREE_TO_DIFFER = ("workers", "threads")


def check_same_launch(settings: Mapping[str, Any]) -> None:
    """Compares the settings of all processes. Collective: every process must call it.

    Args:
      settings: nested, JSON-serialisable settings of this process.

    Raises:
      UserError: a process has other settings than process 0; raised on all processes.
    """
    text = json.dumps(without(settings, FREE_TO_DIFFER))
    texts = all_gather({str(jax.process_index()): text})

    first = json.loads(texts["0"])
    for process, text in texts.items():
        difference = config_difference(first, json.loads(text))
        if difference:
            raise UserError(
                f"process {process} was not started as process 0 was; give all of them the same "
                f"command. Process 0 has, and it has: {'; '.join(difference)}"
            )


def without(settings: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Returns nested settings without the fields of these names at any level."""
    remaining = {}
    for key, value in settings.items():
        if key not in names:
            is_nested = isinstance(value, Mapping)
            remaining[key] = without(value, names) if is_nested else value

    return remaining
