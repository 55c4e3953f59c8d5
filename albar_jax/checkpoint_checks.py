"""Checks that a checkpoint has room on the disk, and that it can be read back."""

import functools
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import jax

from albar_jax.errors import UserError
from albar_jax.types import TrainState


def check_space(state: TrainState, folder: Path, name: Path) -> None:
    """Checks the free space for a checkpoint; each process checks the shards that it writes.

    Args:
      state: training state to save.
      folder: folder of the checkpoints.
      name: name of the folder for messages.

    Raises:
      UserError: the disk has less space free.
    """
    shards = [shard for leaf in jax.tree.leaves(state) for shard in leaf.addressable_shards]
    needed = sum(shard.data.nbytes for shard in shards if shard.replica_id == 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"a checkpoint takes {needed / 1e6:,.1f} MB, and the disk of {name} has {free / 1e6:,.1f} MB free; free "
            "some, then repeat the command, which resumes from the last checkpoint"
        )


def check_index(read: Callable[[], object], name: Path) -> None:
    """Reads the index of a checkpoint's arrays, as restoring does first.

    Args:
      read: reads orbax's metadata of the arrays.
      name: name of the checkpoint for messages.

    Raises:
      UserError: the index is missing or lacks an array.
    """
    try:
        read()
    # tensorstore raises ValueError for a missing database.
    except (ValueError, KeyError, OSError) as error:
        reason = str(error).partition(" [tensorstore_spec")[0].partition("\n")[0]
        raise UserError(
            f"checkpoint {name} was written and cannot be read back: {reason}; delete it, and repeat the command on a "
            "file system that keeps what is written"
        ) from error


@functools.cache
def print_no_background_errors() -> None:
    """Stops orbax and tensorstore from printing tracebacks of errors that they also raise.

    This holds for the rest of the process, because their threads outlive a failed checkpoint.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    print_unraisable = sys.unraisablehook

    def print_others(unraisable: "sys.UnraisableHookArgs") -> None:
        if "Event loop is closed" not in str(unraisable.exc_value):
            print_unraisable(unraisable)

    # tensorstore calls this hook for the remains of a failed write.
    sys.unraisablehook = print_others
