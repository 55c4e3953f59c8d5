"""Checks that a checkpoint has room on the disk, and that it can be read back."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from albar_jax.errors import UserError
from albar_jax.storage import orbax_errors
from albar_jax.types import TrainState


def check_space(state: TrainState, folder: Path, name: Path) -> None:
    """Checks the free space for a checkpoint; each process checks the shards that it writes.

    Args:
      state: training state to save.
      folder: folder of the checkpoints.
      name: name of the folder for messages.

    Raises:
      UserError: the disk has too little free space.
    """
    needed = 0
    for leaf in jax.tree.leaves(state):
        for shard in leaf.addressable_shards:
            # Of several replicas, only the first is written.
            if shard.replica_id == 0:
                needed += shard.data.nbytes

    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"a checkpoint takes {needed / 1e6:,.1f} MB, and the disk of {name} has "
            f"{free / 1e6:,.1f} MB free; free some, then repeat the command, which resumes from "
            "the last checkpoint"
        )


def check_index(read: Callable[[], object], name: Path) -> None:
    """Reads the index of a checkpoint's arrays, which is the first step of restoring it.

    Args:
      read: reads the index of the arrays.
      name: name of the checkpoint for messages.

    Raises:
      UserError: the index is missing or lacks an array.
    """
    try:
        read()
    # tensorstore raises ValueError for a damaged database.
    except (ValueError, KeyError, OSError) as error:
        reason = orbax_errors.in_words(error)
        raise UserError(
            f"checkpoint {name} was written and cannot be read back: {reason}; delete it, and "
            "repeat the command on a file system that keeps what is written"
        ) from error


def check_metrics(folder: Path) -> None:
    """Raises UserError unless the metrics of all checkpoints in a folder can be read."""
    for path in sorted(folder.glob("*/metrics/metrics")):
        read_metrics(path.parents[1])


def read_metrics(checkpoint: Path) -> Any:
    """Returns the metrics of a checkpoint; None if it was not validated.

    Raises:
      UserError: the metrics cannot be read.
    """
    path = checkpoint / "metrics" / "metrics"
    with damage_as_user_error(checkpoint):
        if not path.exists():
            return None

        return json.loads(path.read_text(encoding="utf-8"))


def damage_as_user_error(name: Path) -> contextlib.AbstractContextManager[None]:
    """Converts errors of reading the checkpoint `name` to UserError."""
    return orbax_errors.damage_as_user_error(
        lambda reason: (
            f"checkpoint {name} cannot be read: {reason}; if it is damaged, delete it and repeat "
            "the command to use another one"
        )
    )
