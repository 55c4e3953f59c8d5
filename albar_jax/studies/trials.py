"""The record of all trials of a folder of studies: one line of JSON each, which nothing removes.

A line is added when a run begins from its first step, when it has been tested, and when it fails.
So a trial whose run is deleted, or whose figures are bad, stays in the record.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from albar_jax.errors import naming
from albar_jax.files import read_lines
from albar_jax.schema import fields
from albar_jax.storage import json_files
from albar_jax.storage.inside import inside, open_own
from albar_jax.storage.journal_lines import end_torn_line
from albar_jax.studies.runs import alone

FILE = "trials.jsonl"
Outcome = Literal["begun", "finished", "failed"]


@dataclasses.dataclass(frozen=True)
class Trial:
    """A line of the record.

    Attributes:
      time: when the line was written, in UTC, such as "2026-11-28T15:40:00+00:00".
      outcome: what happened to the run.
      run: name of the run's folder.
      study: name of the folder of the study's table.
      row: name of the row.
      seed: training seed.
      data: manifest of the videos.
      commit: commits that trained the run, joined by commas.
      recipe: the methods, and the fields that differ from the defaults.
      figures: figures in percent by row of the suite; empty unless the run is finished.
      steps: number of trained steps.
      cost_plain_steps: cost in plain steps; None if it is unknown.
      seconds: duration of the training; None if it is unknown.
      error: why the run failed, or "".
    """

    time: str
    outcome: Outcome
    run: str
    study: str
    row: str
    seed: int
    data: str
    commit: str
    recipe: Mapping[str, Any]
    figures: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    steps: int = 0
    cost_plain_steps: float | None = None
    seconds: float | None = None
    error: str = ""


def append(workdir: Path, trial: Trial) -> None:
    """Adds a line to the record of a folder of studies. Other processes may add lines, too."""
    path = inside(workdir, FILE)
    line = json.dumps(dataclasses.asdict(trial), allow_nan=False) + "\n"
    with alone(path), naming(path), open_own(path) as file:
        # A line that was cut off by a kill must not swallow this one.
        end_torn_line(file)
        file.write(line.encode())
        os.fsync(file.fileno())


def read(workdir: Path) -> list[Trial]:
    """Returns the record of a folder of studies, oldest line first; damaged lines are skipped.

    Raises:
      UserError: the file cannot be read.
    """
    path = workdir / FILE
    try:
        lines = read_lines(path)
    except FileNotFoundError:
        return []

    trials = []
    for line in lines:
        # The process may have been killed while it wrote a line.
        with contextlib.suppress(ValueError):
            trials.append(_trial(json_files.parse(line, path)))
    return trials


def _trial(content: Any) -> Trial:
    """Returns the trial of a parsed line; raises ValueError if it is none."""
    if not isinstance(content, dict):
        raise ValueError("it is no object")

    # Later versions may add entries.
    known = {field.name for field in dataclasses.fields(Trial)}
    entries = {name: value for name, value in content.items() if name in known}
    entries = fields.check_call(Trial, entries, "trial")
    for name, figure in entries.get("figures", {}).items():
        fields.check(float | None, figure, f"the figure {name}")

    try:
        return Trial(**entries)
    except TypeError as error:
        raise ValueError("an entry is missing") from error
