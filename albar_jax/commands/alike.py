"""Several processes that work together are started alike: with other batches, say, they would wait for each other."""

import json
from collections.abc import Mapping
from typing import Any

import jax

from albar_jax.config_changes import config_difference
from albar_jax.errors import UserError
from albar_jax.hosts import gather

FREE_TO_DIFFER = ("loader",)  # how a machine decodes does not change a bit of a batch


def check_alike(settings: Mapping[str, Any]) -> None:
    """Compares the settings, nested and of JSON's kinds, of all processes; each of them has to ask.

    Raises:
      UserError: on all of them, if one has others than the first.
    """
    told = gather({str(jax.process_index()): json.dumps(_without_free(settings))})
    first = json.loads(told["0"])
    for process, text in told.items():
        difference = config_difference(first, json.loads(text))
        if difference:
            raise UserError(
                f"process {process} was not started as process 0 was; give all of them the same command. "
                "Process 0 has, and it has:\n  " + "\n  ".join(difference)
            )


def _without_free(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_free(value) if isinstance(value, Mapping) else value
        for key, value in settings.items()
        if key not in FREE_TO_DIFFER
    }
