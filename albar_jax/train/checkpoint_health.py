"""Finds damaged checkpoints by their checksums; process 0 reads them and broadcasts the result."""

import dataclasses
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import jax

from albar_jax.errors import UserError, say
from albar_jax.parallel.exchange import all_gather
from albar_jax.storage import seals
from albar_jax.storage.temporary import sync

# Folder for damaged checkpoints, next to the folder of the others.
ASIDE = "damaged"
# On network file systems it takes up to a minute until another process sees a rename.
_PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.5


class DamagedCheckpointError(UserError):
    """An error for a requested checkpoint that is damaged."""


@dataclasses.dataclass(frozen=True)
class Health:
    """The result of verifying checkpoints.

    Attributes:
      directory: their folder.
      sound: steps of intact checkpoints and of checkpoints without checksums, ascending.
      faults: step -> description of the damage.
    """

    directory: Path
    sound: tuple[int, ...]
    faults: Mapping[int, str]


def list_steps(directory: Path) -> list[int]:
    """Returns the steps of all finished checkpoints in a folder, ascending."""
    if not directory.is_dir():
        return []

    steps = []
    for entry in os.scandir(directory):
        # Excludes names such as "007".
        is_number = entry.name.isdecimal() and entry.name == str(int(entry.name))
        if is_number and entry.is_dir():
            steps.append(int(entry.name))

    return sorted(steps)


def examine(directory: Path, steps: Iterable[int] | None = None, *, only: str = "") -> Health:
    """Reads checkpoints and verifies their checksums. Collective: every process must call it.

    Args:
      directory: their folder.
      steps: steps to verify; None for all.
      only: prefix of the names of the files to read.
    """
    texts = {}
    # Reading all checkpoints on each process would take the file system's bandwidth.
    if jax.process_index() == 0:
        steps = list_steps(directory) if steps is None else steps
        faults = {step: _fault(directory / str(step), only) for step in steps}
        texts["sound"] = json.dumps(sorted(step for step, fault in faults.items() if not fault))
        texts["faults"] = json.dumps([(step, fault) for step, fault in faults.items() if fault])
    texts = all_gather(texts)

    return Health(directory, tuple(json.loads(texts["sound"])), dict(json.loads(texts["faults"])))


def refuse(health: Health, step: int) -> None:
    """Raises DamagedCheckpointError if a checkpoint is damaged.

    Collective: every process must call it.

    Args:
      health: result of `examine`.
      step: step of the checkpoint.
    """
    if step not in health.faults:
        return

    # The message suggests the newest intact checkpoint.
    others = [other for other in list_steps(health.directory) if other != step]
    intact = examine(health.directory, others).sound
    remedy = "no other checkpoint is intact: restore it from a copy, or train again"
    if intact:
        remedy = (
            f"the checkpoint of step {intact[-1]} is intact: choose it with "
            f"--checkpoint {intact[-1]}"
        )

    raise DamagedCheckpointError(
        f"checkpoint {health.directory / str(step)} is damaged: {health.faults[step]}; {remedy}"
    )


def require_sound(health: Health) -> None:
    """Raises UserError if there are checkpoints and none is intact."""
    if health.sound or not health.faults:
        return

    newest_first = sorted(health.faults.items(), reverse=True)
    faults = "; ".join(f"{step}: {fault}" for step, fault in newest_first)
    raise UserError(
        f"no checkpoint in {health.directory} is intact ({faults}); restore one from a copy, or "
        "delete that folder to train from the start"
    )


def set_aside(health: Health) -> None:
    """Moves damaged checkpoints to the folder `ASIDE` and prints a note.

    Collective: every process must call it.
    """
    if jax.process_index() == 0:
        for step, fault in sorted(health.faults.items()):
            _move(health.directory / str(step), fault, health.sound)

    # A barrier: the others list the checkpoints only after process 0 has moved the damaged ones.
    all_gather({})
    _wait_for(health)


def _move(checkpoint: Path, fault: str, sound: tuple[int, ...]) -> None:
    folder = checkpoint.parent.with_name(ASIDE)
    folder.mkdir(exist_ok=True)

    # Another checkpoint of this step may have been moved there before.
    target = folder / checkpoint.name
    number = 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{checkpoint.name}.{number}"

    os.rename(checkpoint, target)
    sync(checkpoint.parent)
    say(
        f"note: checkpoint {checkpoint} is damaged: {fault}; it was moved to {target}, and "
        f"training resumes from step {sound[-1]}"
    )


def _wait_for(health: Health) -> None:
    """Waits until this process sees the same checkpoints as process 0."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (seen := list_steps(health.directory)) != list(health.sound):
        if time.monotonic() > deadline:
            raise UserError(
                f"process {jax.process_index()} sees the checkpoints {seen} in "
                f"{health.directory}, and process 0 sees {list(health.sound)}; give all processes "
                "one shared folder"
            )
        time.sleep(_PAUSE_SECONDS)


def _fault(checkpoint: Path, only: str) -> str:
    """Returns the damage of a checkpoint; "" if there is none or it has no checksums."""
    if seals.is_sealed(checkpoint):
        return seals.fault(checkpoint, only=only)

    if not only:
        say(
            f"note: checkpoint {checkpoint} has no checksums, because an earlier version wrote it; "
            "damage is not detected"
        )

    return ""
