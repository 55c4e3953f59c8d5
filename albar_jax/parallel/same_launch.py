"""Checks that all processes were launched with the same settings.

A mismatch would deadlock the first collective.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

import jax

from albar_jax.errors import UserError
from albar_jax.parallel.exchange import all_gather
from albar_jax.schema.changes import config_difference, flatten


def check_same_launch(settings: Mapping[str, Any], may_differ: Collection[str] = ()) -> None:
    """Compares the settings of all processes. Collective: every process must call it.

    Args:
      settings: nested dict of JSON values.
      may_differ: dotted names of fields that may differ, such as `loader.workers`. They are
        ignored at every level of the settings.

    Raises:
      UserError: a process has other settings than process 0; raised on all processes.
    """
    compared = json.dumps(leaves_without(settings, may_differ))
    gathered = all_gather({str(jax.process_index()): compared})
    first = json.loads(gathered["0"])

    for process, text in gathered.items():
        difference = config_difference(first, json.loads(text))
        if difference:
            raise UserError(
                f"process {process} was not started with the settings of process 0 "
                f"(process 0 -> process {process}: {'; '.join(difference)}); give all the same "
                "command and the same config files"
            )


def leaves_without(settings: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Returns the leaves of nested settings by their dotted names, without the fields `names`."""
    leaves = {}
    for name, value in flatten(settings).items():
        is_ignored = any(f".{name}".endswith(f".{ignored}") for ignored in names)
        if not is_ignored:
            leaves[name] = value

    return leaves
