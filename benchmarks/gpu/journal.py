"""The JSON lines of a run. Every line is on the disk before the next measurement begins."""

import json
import os
import time
from pathlib import Path
from typing import Any, TextIO


class Journal:
    """Appends lines to a file and shows them.

    Args:
      path: the file. Several processes may append to it.
      stage: the stage that writes.
      began: when the run began, in seconds since the epoch.
      shown: where to show each line, too.
    """

    def __init__(self, path: str | Path, stage: str, began: float, shown: TextIO):
        self._path = Path(path)
        self._stage = stage
        self._began = began
        self._shown = shown

    def write(self, what: str, **figures: Any) -> None:
        """Appends `{"stage": .., "what": .., "at_s": .., figures}` and flushes it to the disk."""
        at = round(time.time() - self._began, 1)
        line = json.dumps({"stage": self._stage, "what": what, "at_s": at, **_rounded(figures)})
        print(line, file=self._shown, flush=True)

        with self._path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """Reads all complete lines; the last one may have been cut by a SIGKILL."""
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return lines


def _rounded(value: Any) -> Any:
    """Keeps four significant digits of every float, in nested dicts and lists, too."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
