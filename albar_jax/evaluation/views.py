"""Describes the views of a video that are averaged, for tables and beside predictions."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.evaluation.results import ModelRun, ModelSummary
from albar_jax.files import write_text
from albar_jax.storage import json_files

# The file beside a run's predictions: {task: description of the views}.
FILE = "views.json"
UNKNOWN = "not known"


def write_views(folder: str | os.PathLike, views: Mapping[str, str]) -> None:
    """Writes the views of each task beside its predictions."""
    write_text(Path(folder) / FILE, json.dumps(dict(views), indent=2) + "\n")


def read_views(folder: str | os.PathLike) -> dict[str, str]:
    """Reads the views of each task; {} if there is no file.

    Raises:
      UserError: the file does not hold a JSON object of strings.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return {}
    found = json_files.read(path)
    if not isinstance(found, dict) or not all(isinstance(words, str) for words in found.values()):
        raise UserError(
            f'{path} must hold an object such as {{"hmdb51": "4 clips x 3 crops"}}: for each task a text'
        )

    return found


def of_run(run: ModelRun) -> dict[str, str | None]:
    """Returns the views of each task of a run; None if unknown."""
    return {task: run.views.get(task) for task in run.predictions}


def sentence(summaries: Sequence[ModelSummary]) -> str:
    """Formats the views of all figures of a table in one sentence, by model if models differ."""
    told = {
        f"{run.name}, seed {run.seed}": _in_words(run)
        for summary in summaries
        for run in summary.runs
    }
    if not told:
        return ""
    if len(set(told.values())) == 1:
        return f"Views of a test video: {next(iter(told.values()))}."
    by_words: dict[str, list[str]] = {}
    for name, words in told.items():
        by_words.setdefault(words, []).append(name)
    parts = "; ".join(f"{', '.join(names)}: {words}" for words, names in by_words.items())

    return f"Views of a test video differ, so the models cannot be compared without care: {parts}."


def _in_words(run: ModelRun) -> str:
    """Formats the views of a run, with tasks if they differ."""
    tasks: dict[str, list[str]] = {}
    for task, words in of_run(run).items():
        tasks.setdefault(words or UNKNOWN, []).append(task)
    if len(tasks) == 1:
        return next(iter(tasks))
    return ", ".join(f"{words} ({', '.join(names)})" for words, names in tasks.items())
