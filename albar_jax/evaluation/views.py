"""Describes the views of a test video that are averaged; the text is kept with the predictions."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.evaluation.results import ModelRun, Results
from albar_jax.files import write_text
from albar_jax.storage import json_files

# The file in the folder of a run's predictions: {task: description of the views}.
FILE = "views.json"
UNKNOWN = "not known"


def write_views(folder: str | os.PathLike, views: Mapping[str, str]) -> None:
    """Writes the description of each task's views next to its predictions."""
    write_text(Path(folder) / FILE, json.dumps(dict(views), indent=2) + "\n")


def read_views(folder: str | os.PathLike) -> dict[str, str]:
    """Reads the description of each task's views; {} if there is no file.

    Raises:
      UserError: the file does not hold a JSON object of strings.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return {}

    content = json_files.read(path)
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise UserError(
            f'{path} must hold an object with a text for each task, such as {{"hmdb51": '
            '"4 clips x 3 crops"}'
        )
    return content


def views_of_run(run: ModelRun) -> dict[str, str | None]:
    """Returns the description of each task's views; None if unknown."""
    return {task: run.views.get(task) for task in run.predictions}


def describe_views(results: Results) -> str:
    """Returns one sentence about the views of all figures; "" without a run.

    The sentence lists the runs of each description if runs differ.
    """
    runs_of: dict[str, list[str]] = {}
    for run in results.runs:
        runs_of.setdefault(_describe_run(run), []).append(run.label)

    if not runs_of:
        return ""
    # The usual case: all runs have the same views.
    if len(runs_of) == 1:
        return f"Views of a test video: {next(iter(runs_of))}."

    groups = []
    for views, runs in runs_of.items():
        groups.append(f"{', '.join(runs)}: {views}")
    return f"Views of a test video differ, so compare the models with care: {'; '.join(groups)}."


def _describe_run(run: ModelRun) -> str:
    """Describes the views of a run, with the tasks of each description if tasks differ."""
    tasks_of: dict[str, list[str]] = {}
    for task, views in views_of_run(run).items():
        tasks_of.setdefault(views or UNKNOWN, []).append(task)

    # The usual case: all tasks have the same views.
    if len(tasks_of) == 1:
        return next(iter(tasks_of))
    return ", ".join(f"{views} ({', '.join(tasks)})" for views, tasks in tasks_of.items())
