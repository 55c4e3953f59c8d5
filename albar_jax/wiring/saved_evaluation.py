"""Writes and reads `evaluation.json`, the figures of a finished training of a head."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.downstream.progress import Figures, Progress
from albar_jax.errors import UserError
from albar_jax.files import write_text
from albar_jax.schema import fields
from albar_jax.storage import json_files
from albar_jax.wiring.trained_heads import complete_config

FILE = "evaluation.json"
_REMEDY = "; delete it and repeat the training command, which writes it again"


@dataclasses.dataclass(frozen=True)
class SavedEvaluation:
    """The figures of a finished training.

    Attributes:
      figures: "last" and "best" -> figures in percent; a state that was not tested has {}.
      notes: sentences about the figures.
      config: head, features, annotations, seed and recipe of the training.
    """

    figures: Mapping[str, Figures]
    notes: tuple[str, ...]
    config: Mapping[str, Any]


def write(
    folder: Path, progress: Progress, notes: Sequence[str], config: Mapping[str, Any]
) -> None:
    """Writes the figures of a finished training into its folder.

    Args:
      folder: folder of the training.
      progress: progress with the figures.
      notes: sentences about the figures.
      config: see `SavedEvaluation`.
    """
    content = {
        "config": config,
        "step": progress.step,
        "last": progress.last,
        "best_step": progress.best_step,
        "best": progress.best,
        "notes": list(notes),
    }
    write_text(folder / FILE, json.dumps(content, indent=2) + "\n")


def read(folder: Path) -> SavedEvaluation | None:
    """Reads the figures of a training; None if it has not finished.

    Raises:
      UserError: the file is damaged, or an older version wrote it.
    """
    path = folder / FILE
    if not path.exists():
        return None

    content = json_files.read_object(path, remedy=_REMEDY)
    for name, kind in (("last", Mapping), ("best", Mapping), ("notes", list), ("config", Mapping)):
        if not isinstance(content.get(name), kind):
            raise UserError(f"{path} is damaged: it has no {name!r}{_REMEDY}")

    figures = {}
    for state in ("last", "best"):
        figures[state] = {}
        for name, value in content[state].items():
            checked = fields.check(float | None, value, f"{path}: {state}, {name},")
            figures[state][name] = checked
    config = complete_config(content["config"], str(path))
    return SavedEvaluation(figures, tuple(map(str, content["notes"])), config)
