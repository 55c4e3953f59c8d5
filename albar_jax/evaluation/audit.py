"""Reads the predictions of any program: a folder for each model, in it a CSV file for each task.

File names are tasks (`hmdb51.csv`, `hmdb51_scuba_places365.csv`, `hmdb51_reversed.csv`) and
determine the benchmark. Columns are described in `predictions`. A file classes.txt names the
classes, one a line; without it they are numbered. A file views.json states the views that were
averaged, {"hmdb51": "10 clips x 3 crops", ...}; without it the page says that they are unknown.
"""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation.analyses.figures import temporal_tasks
from albar_jax.evaluation.counts import read_left_out
from albar_jax.evaluation.predictions import Predictions, read_predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES, Suite
from albar_jax.evaluation.views import read_views
from albar_jax.storage import class_names
from albar_jax.storage.class_names import read_class_list

# How evaluate.py names the folders of several runs.
_SEEDED = re.compile(r"(?P<name>.+)_seed(?P<seed>\d+)")


@dataclasses.dataclass(frozen=True)
class Audit:
    """What was read; `unknown` are the CSV files that no task of the suite is named like, which were left out."""

    suite: Suite
    runs: tuple[ModelRun, ...]
    classes: tuple[str, ...]
    unknown: tuple[Path, ...]


def read_audit(
    folders: Sequence[str | os.PathLike],
    suite: str | None = None,
    classes: Sequence[str] | None = None,
) -> Audit:
    """Reads the predictions of one or several models.

    Args:
      folders: one for each run, or one that holds such folders. A run is called like its folder; `name_seed2` is seed 2
        of the model `name`, and runs of one name are averaged.
      suite: the benchmark; left out, it is the one that most of the files are named after.
      classes: their names where no classes.txt says them; left out, their numbers.

    Raises:
      UserError: no file that belongs to a benchmark, a malformed file, or runs that contradict each other.
    """
    tables = {run: _csv_files(run) for folder in folders for run in _run_folders(Path(folder))}
    chosen = _suite({path.stem for paths in tables.values() for path in paths}, suite, folders)
    tasks = _tasks(chosen)
    runs = []
    for (folder, paths), name in zip(tables.items(), _names(list(tables)), strict=True):
        predictions = {path.stem: read_predictions(path) for path in paths if path.stem in tasks}
        predictions = read_left_out(folder, predictions)
        if not predictions:
            raise UserError(
                f"'{folder}' has no file of the benchmark {chosen.name}; name the files by their tasks, as in "
                f"{', '.join(f'{task}.csv' for task in list(chosen.tasks)[:2])}"
            )
        found = _SEEDED.fullmatch(name)
        name, seed = (found["name"], int(found["seed"])) if found else (name, 0)
        runs.append(ModelRun(name, seed, None, predictions, views=read_views(folder)))
    _check_labels(runs)
    unknown = tuple(path for paths in tables.values() for path in paths if path.stem not in tasks)
    return Audit(chosen, tuple(runs), _class_names(list(tables), runs, classes), unknown)


def _tasks(suite: Suite) -> list[str]:
    return [*suite.tasks, *temporal_tasks(suite).values()]


def _csv_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.csv") if path.is_file())


def _run_folders(folder: Path) -> list[Path]:
    """The folder itself, or those in it that hold CSV files if it has none."""
    if not folder.is_dir():
        raise UserError(f"There is no folder '{folder}' of predictions.")
    inside = (
        [folder]
        if _csv_files(folder)
        else sorted(path for path in folder.iterdir() if _csv_files(path))
    )
    if not inside:
        raise UserError(
            f"'{folder}' has no CSV file; an audit needs one for each task, with the columns id,label,pred"
        )
    return inside


def _suite(stems: set[str], name: str | None, folders: Sequence[str | os.PathLike]) -> Suite:
    if name is not None:
        if name not in SUITES:
            raise UserError(
                f"there is no benchmark '{name}'; it is one of {', '.join(sorted(SUITES))}"
            )
        return SUITES[name]
    matches = {suite.name: len(stems & set(_tasks(suite))) for suite in SUITES.values()}
    best = max(matches, key=matches.get)  # of equals the first: ucf101.csv alone is not about boxes
    if not matches[best]:
        raise UserError(
            f"No file in {', '.join(map(os.fspath, folders))} is named after a task of a benchmark (found "
            f"{', '.join(f'{stem}.csv' for stem in sorted(stems)[:3])}); name them as in hmdb51.csv, "
            "hmdb51_scuba_places365.csv, hmdb51_scufo_places365.csv"
        )
    return SUITES[best]


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell the folders apart."""
    parts = [folder.resolve().parts for folder in folders]
    lengths = range(1, max(map(len, parts)) + 1)
    ends = ([os.path.join(*path[-length:]) for path in parts] for length in lengths)
    named = next((names for names in ends if len(set(names)) == len(names)), None)
    if named is None:
        raise UserError(f"A folder of predictions is given twice: {', '.join(map(str, folders))}")
    return named


def _check_labels(runs: Sequence[ModelRun]) -> None:
    """All runs must mean the same by a clip of a task."""
    known: dict[tuple[str, str], tuple[int, str]] = {}
    for run in runs:
        for task, predictions in run.predictions.items():
            for clip, label in zip(predictions.ids, predictions.labels.tolist(), strict=True):
                other, owner = known.setdefault((task, clip), (label, run.name))
                if other != label:
                    raise UserError(
                        f"In {task}.csv the clip '{clip}' has the label {other} for {owner}, and {label} for "
                        f"{run.name}; number the classes alike for all models."
                    )


def _class_names(
    folders: Sequence[Path], runs: Sequence[ModelRun], given: Sequence[str] | None
) -> tuple[str, ...]:
    needed = max(_num_classes(run.predictions) for run in runs)
    listed = {
        folder / class_names.FILE: read_class_list(folder / class_names.FILE) for folder in folders
    }
    listed = {path: found for path, found in listed.items() if found.names}
    for path, found in listed.items():
        other, first = next(iter(listed.items()))
        if found != first:
            raise UserError(
                f"{other} and {path} number the classes differently; audit their models one by one"
            )
        if found.first == 1 and _smallest(runs) == 1:
            raise UserError(
                f"{path} counts classes from 1, and no prediction has class 0; count both from 0"
            )
    if listed:
        return _enough(first.names, needed, path)
    return (
        tuple(map(str, range(_plausible(runs))))
        if given is None
        else _enough(tuple(given), needed, "The manifest")
    )


def _enough(names: tuple[str, ...], needed: int, origin: str | Path) -> tuple[str, ...]:
    if len(names) < needed:
        raise UserError(
            f"{origin} names {len(names)} classes, but the predictions have {needed}; add the rest"
        )
    return names


def _num_classes(predictions: Mapping[str, Predictions]) -> int:
    """The number of classes that the files of a run speak of."""
    widths = {
        task: found.probs.shape[1] for task, found in predictions.items() if found.probs is not None
    }
    if len(set(widths.values())) > 1:
        found = ", ".join(f"{task}: {width}" for task, width in widths.items())
        raise UserError(
            f"The files of a model have different numbers of classes ({found}); write all of them in each."
        )
    named = max(
        max(found.labels.max(), found.pred.max(), *found.left_out.values())
        for found in predictions.values()
    )
    return max(int(named) + 1, *widths.values(), 0)


def _smallest(runs: Sequence[ModelRun]) -> int:
    """Returns the smallest class number; 0 if there are columns of probabilities."""
    found = [predictions for run in runs for predictions in run.predictions.values()]
    return min(
        0 if one.probs is not None else int(min(one.labels.min(), one.pred.min())) for one in found
    )


def _plausible(runs: Sequence[ModelRun]) -> int:
    """Derives the number of classes without names. Raises UserError for an implausible number."""
    place_of: dict[int, str] = {}
    for run in runs:
        for task, found in run.predictions.items():
            width = 0 if found.probs is None else found.probs.shape[1]
            place_of |= dict.fromkeys(range(width), task)
            for clip, label in found.left_out.items():
                place_of.setdefault(
                    label, f"the clip {clip!r} of {task}, which {run.name} leaves out,"
                )
            for numbers in (found.labels, found.pred):
                values, first = np.unique(numbers, return_index=True)
                for number, row in zip(values.tolist(), first.tolist(), strict=True):
                    place_of.setdefault(
                        number, f"the clip {found.ids[row]!r} of {task}.csv of {run.name}"
                    )

    return class_names.count_classes(place_of, place_of.__getitem__)
