"""Records the weights that a run of a study starts from, and refuses runs from other weights."""

import functools
import hashlib
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.files import content_hash, read_text, write_text
from albar_jax.studies import Run
from albar_jax.weights.converted import load_converted
from albar_jax.weights.torch_files import split_choice
from albar_jax.weights.trees import flatten

# File in the folder of a run: digits that identify the weights of `config.init`.
FILE = "init.txt"


def record(run: Run) -> None:
    """Writes the digits of the weights that a run starts from, before its first step.

    Raises:
      UserError: the run was begun from other weights.
    """
    check(run)
    # A run that is resumed keeps its record.
    digits = digits_of(run.config.init)
    if digits and not _is_begun(run):
        write_text(run.folder / FILE, f"{digits}\n")


def check(run: Run) -> None:
    """Raises UserError if a run was begun from other weights than its `init` names now.

    A run without a record, or whose weights were deleted since, is accepted.
    """
    path = run.folder / FILE
    if not path.exists() or not _is_begun(run):
        return

    recorded = read_text(path, remedy="; move the folder away").strip()
    digits = digits_of(run.config.init)
    if digits and digits != recorded:
        raise UserError(
            f"{run.folder} was trained from other weights than {run.config.init} has now; move it "
            "away, or restore the weights"
        )


def _is_begun(run: Run) -> bool:
    # Checkpoints may have been deleted after the training.
    return run.is_trained or (run.folder / "checkpoints").is_dir()


def digits_of(init: str) -> str:
    """Returns digits that identify local weights; "" for random, missing or downloaded weights."""
    file, _ = split_choice(init)
    if not init or not file.exists():
        return ""
    if not file.is_dir():
        return content_hash(file)[:16]

    # Written once with the weights, so its time changes when other weights replace them.
    model = file / "model.json"
    return _digits_of_folder(file, model.stat().st_mtime_ns if model.exists() else 0)


# Cached, because most runs of a study share their start.
@functools.lru_cache
def _digits_of_folder(folder: Path, changed_at: int) -> str:
    # Files of equal weights differ, because they contain the time of writing.
    _, params = load_converted(folder)
    digest = hashlib.sha256()
    for name, value in sorted(flatten(params).items()):
        array = np.asarray(value)
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
