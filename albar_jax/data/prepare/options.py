"""Defines the flags that several data sets share, as arguments of `add_argument`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

# The flag `--split` of a data set with three published splits.
SPLIT: Mapping[str, Any] = {
    "type": int,
    "choices": (1, 2, 3),
    "default": 1,
    "help": "number of the split",
}


def path(kind: Literal["DIR", "FILE"], text: str, *, required: bool = False) -> dict[str, Any]:
    """Returns the arguments of a flag that names a folder or a file.

    Args:
      kind: "DIR" for a folder, "FILE" for a file.
      text: help text of the flag.
      required: whether the flag must be given.
    """
    return {"type": Path, "required": required, "metavar": kind, "help": text}
