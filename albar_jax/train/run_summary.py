"""Reads summary.json, which training writes at the end of a run."""

import os
import pathlib
from typing import Any

from albar_jax.schema import fields
from albar_jax.storage import json_files

FILE = "summary.json"
_REMEDY = "; delete it and repeat the training command, which writes it again"
_AMOUNTS = (
    "flops_per_step",
    "seconds_compiling",
    "seconds_total",
    "seconds_waiting_for_data",
    "seconds_validating",
)


def read_summary(folder: str | os.PathLike[str] | None) -> dict[str, Any]:
    """Returns the summary of a run; {} if it or the folder does not exist.

    Amounts that an older version did not write are 0.

    Raises:
      UserError: the file is damaged.
    """
    path = None if folder is None else pathlib.Path(folder) / FILE
    if path is None or not path.exists():
        return {}
    content = json_files.read_object(path, remedy=_REMEDY)
    steps = {"step": fields.StepsDone, "best_step": fields.StepsDone, "num_steps": fields.Steps}
    kinds = steps | dict.fromkeys(_AMOUNTS, fields.NonNegative)
    numbers = {
        name: fields.check(kind, content.get(name, 0), f"{name} of {path}")
        for name, kind in kinds.items()
    }
    return content | numbers
