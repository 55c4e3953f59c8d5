"""Writes the JSON lines of a run; each line is flushed before the next measurement."""

import json
import os
import time
from pathlib import Path
from typing import Any, TextIO


class Journal:
    """A file of JSON lines, also printed.

    Args:
      path: path of the file; several processes may append to it.
      stage: name of the writing stage.
      began: start of the run in seconds since the epoch.
      shown: stream that also gets each line.
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
    """Reads all complete lines; SIGKILL may have truncated the last one."""
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return lines


def _rounded(value: Any) -> Any:
    """Rounds floats to four significant digits, also in nested dicts and lists."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
