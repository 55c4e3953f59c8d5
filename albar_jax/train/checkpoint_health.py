"""Finds damaged checkpoints by their checksums; process 0 reads them and broadcasts the result."""

import dataclasses
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import jax

from albar_jax.errors import UserError, say
from albar_jax.parallel.hosts import gather
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
      faults: step -> what is damaged.
    """

    directory: Path
    sound: tuple[int, ...]
    faults: Mapping[int, str]


def list_steps(directory: Path) -> list[int]:
    """Returns the steps of all finished checkpoints in a folder, ascending."""
    if not directory.is_dir():
        return []
    names = (entry.name for entry in os.scandir(directory) if entry.is_dir())
    return sorted(int(name) for name in names if name.isdecimal() and name == str(int(name)))


def examine(directory: Path, steps: Iterable[int] | None = None, *, only: str = "") -> Health:
    """Reads checkpoints and verifies their checksums. Collective: every process must call it.

    Args:
      directory: their folder.
      steps: steps to verify; None for all.
      only: prefix of the names of the files to read.
    """
    found = {}
    if jax.process_index() == 0:
        steps = list_steps(directory) if steps is None else steps
        faults = {step: _fault(directory / str(step), only) for step in steps}
        found["sound"] = json.dumps(sorted(step for step, fault in faults.items() if not fault))
        found["faults"] = json.dumps([(step, fault) for step, fault in faults.items() if fault])
    found = gather(found)

    return Health(directory, tuple(json.loads(found["sound"])), dict(json.loads(found["faults"])))


def refuse(health: Health, step: int) -> None:
    """Raises DamagedCheckpointError if a step is damaged. Collective: every process must call it."""
    if step not in health.faults:
        return
    others = examine(
        health.directory, [other for other in list_steps(health.directory) if other != step]
    ).sound
    remedy = "no other checkpoint is intact: restore it from a copy, or train again"
    if others:
        remedy = f"the checkpoint of step {others[-1]} is intact: choose it with --checkpoint {others[-1]}"
    raise DamagedCheckpointError(
        f"checkpoint {health.directory / str(step)} is damaged: {health.faults[step]}; {remedy}"
    )


def require_sound(health: Health) -> None:
    """Raises UserError if there are checkpoints and none is intact."""
    if health.sound or not health.faults:
        return
    faults = "; ".join(
        f"{step}: {fault}" for step, fault in sorted(health.faults.items(), reverse=True)
    )
    raise UserError(
        f"no checkpoint in {health.directory} is intact ({faults}); restore one from a copy, or delete that folder to "
        "train from the start"
    )


def set_aside(health: Health) -> None:
    """Moves damaged checkpoints to another folder and prints a note. Collective: every process must call it."""
    if jax.process_index() == 0:
        for step, fault in sorted(health.faults.items()):
            _move(health.directory / str(step), fault, health.sound)
    # A barrier: the others list the checkpoints only after process 0 has moved the damaged ones.
    gather({})
    _wait_for(health)


def _move(checkpoint: Path, fault: str, sound: tuple[int, ...]) -> None:
    folder = checkpoint.parent.with_name(ASIDE)
    folder.mkdir(exist_ok=True)
    target = folder / checkpoint.name
    number = 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{checkpoint.name}.{number}"

    os.rename(checkpoint, target)
    sync(checkpoint.parent)
    say(
        f"note: checkpoint {checkpoint} is damaged: {fault}; it was moved to {target}, and training resumes from step "
        f"{sound[-1]}"
    )


def _wait_for(health: Health) -> None:
    """Waits until this process sees the same checkpoints as process 0."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (seen := list_steps(health.directory)) != list(health.sound):
        if time.monotonic() > deadline:
            raise UserError(
                f"process {jax.process_index()} sees the checkpoints {seen} in {health.directory}, and process 0 sees "
                f"{list(health.sound)}; give all processes one shared folder"
            )
        time.sleep(_PAUSE_SECONDS)


def _fault(checkpoint: Path, only: str) -> str:
    if seals.is_sealed(checkpoint):
        return seals.fault(checkpoint, only=only)
    if not only:
        say(
            f"note: checkpoint {checkpoint} has no checksums, because an earlier version wrote it; damage is not "
            "detected"
        )
    return ""
