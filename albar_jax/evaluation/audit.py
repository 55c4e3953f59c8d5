"""Reads the predictions of any program: a folder for each model with a CSV file for each task.

The file names are the tasks (`hmdb51.csv`, `hmdb51_scuba_places365.csv`, `hmdb51_reversed.csv`).
They determine the benchmark. `predictions` describes the columns. Three more files are optional:

- classes.txt names the classes, one per line. Without it, classes are numbered.
- views.json describes the averaged views, {"hmdb51": "10 clips x 3 crops", ...}. Without it, the
  views are reported as not known.
- appearance_motion.tsv has the parts of appearance and motion; see `appearance_motion`. Without it,
  they are dashes.
"""

import dataclasses
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.evaluation.appearance_motion import read_split
from albar_jax.evaluation.audit_classes import name_classes
from albar_jax.evaluation.counts import read_left_out
from albar_jax.evaluation.predictions import read_predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.evaluation.suites import SUITES, Suite
from albar_jax.evaluation.views import read_views

# The names that `folder_name` makes.
_WITH_SEED = re.compile(r"(?P<name>.+)_seed(?P<seed>\d+)")


@dataclasses.dataclass(frozen=True)
class Audit:
    """The predictions of one or several models.

    Attributes:
      suite: the benchmark.
      runs: one run for each folder.
      classes: the K class names.
      unknown: CSV files that are not named after a task of the suite. They were not read.
    """

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
      folders: a folder for each run, or a folder of such folders. A run has the name of its folder.
        `name_seed2` is seed 2 of the model `name`.
      suite: name of the benchmark. By default, the one with the most matching file names.
      classes: class names to use if there is no classes.txt. By default, the class numbers.

    Raises:
      UserError: no file belongs to a benchmark, a file is malformed, or runs contradict each other.
    """
    files_of = {folder: _csv_files(folder) for folder in run_folders(folders)}
    paths = list(itertools.chain.from_iterable(files_of.values()))
    chosen = _choose_suite({path.stem for path in paths}, suite, folders)

    runs = []
    for folder, (name, seed) in zip(files_of, names_and_seeds(list(files_of)), strict=True):
        runs.append(_read_run(folder, files_of[folder], name, seed, chosen))
    _check_labels(runs)

    tasks = chosen.every_task
    unknown = tuple(path for path in paths if path.stem not in tasks)
    return Audit(chosen, tuple(runs), name_classes(list(files_of), runs, classes), unknown)


def folder_name(name: str, seed: int) -> str:
    """Returns the name of the folder of a run's predictions, which `read_audit` understands."""
    return f"{name}_seed{seed}"


def run_folders(folders: Sequence[str | os.PathLike]) -> list[Path]:
    """Returns the folder of each run, given folders of runs or folders of such folders.

    Raises:
      UserError: a folder does not exist, or has no CSV file.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        found |= dict.fromkeys(_run_folders(Path(folder)))
    return list(found)


def names_and_seeds(folders: Sequence[Path]) -> list[tuple[str, int]]:
    """Returns the name and the seed of each run, from the folders of their predictions.

    Raises:
      UserError: a folder is given twice, or two runs have the same name and seed.
    """
    folder_of: dict[tuple[str, int], Path] = {}
    for folder, text in zip(folders, _distinct_names(folders), strict=True):
        # A folder name without a seed is seed 0.
        match = _WITH_SEED.fullmatch(text)
        run = (match["name"], int(match["seed"])) if match else (text, 0)
        other = folder_of.setdefault(run, folder)
        if other is not folder:
            raise UserError(
                f"two runs are named '{run[0]}' and have seed {run[1]}, {other} and {folder}; give "
                "runs of one model different seeds, and different models different names"
            )
    return list(folder_of)


def _file_names(tasks: Sequence[str]) -> list[str]:
    return [f"{task}.csv" for task in tasks]


def _csv_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.csv") if path.is_file())


def _run_folders(folder: Path) -> list[Path]:
    """Returns the folder itself if it has CSV files, else its subfolders that have some."""
    if not folder.is_dir():
        raise UserError(f"there is no folder '{folder}' of predictions")
    if _csv_files(folder):
        return [folder]

    subfolders = list(filter(_csv_files, sorted(folder.iterdir())))
    if not subfolders:
        raise UserError(
            f"'{folder}' has no CSV file; an audit needs one for each task, with the columns "
            "id,label,pred"
        )
    return subfolders


def _choose_suite(
    file_names: set[str], name: str | None, folders: Sequence[str | os.PathLike[str]]
) -> Suite:
    """Returns the named suite, or the one with the most tasks among the file names."""
    if name is not None:
        if name not in SUITES:
            raise UserError(
                f"there is no benchmark '{name}'; it is one of {', '.join(sorted(SUITES))}"
            )
        return SUITES[name]

    matches = {suite.name: len(file_names & set(suite.every_task)) for suite in SUITES.values()}
    # `max` returns the first of equals: ucf101.csv alone selects ucf101, not ucf101_boxes.
    best = max(matches, key=matches.__getitem__)
    if not matches[best]:
        examples = ", ".join(_file_names(sorted(file_names)[:3]))
        places = ", ".join(os.fspath(folder) for folder in folders)
        raise UserError(
            f"no file in {places} is named after a task of a benchmark "
            f"(found {examples}); name them as in hmdb51.csv, hmdb51_scuba_places365.csv, "
            "hmdb51_scufo_places365.csv"
        )
    return SUITES[best]


def _distinct_names(folders: Sequence[Path]) -> list[str]:
    """Names the folders by the shortest ends of their paths that differ."""
    # `a/predictions` and `b/predictions` need two parts each.
    paths = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, paths)) + 1):
        names = [os.path.join(*path[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names

    raise UserError(f"a folder of predictions is given twice: {', '.join(map(str, folders))}")


def _read_run(folder: Path, paths: Sequence[Path], name: str, seed: int, suite: Suite) -> ModelRun:
    tasks = suite.every_task
    # Files of other tasks are reported in `Audit.unknown`.
    predictions = {path.stem: read_predictions(path) for path in paths if path.stem in tasks}
    predictions = read_left_out(folder, predictions)
    if not predictions:
        examples = ", ".join(_file_names(list(suite.tasks)[:2]))
        raise UserError(
            f"'{folder}' has no file of the benchmark {suite.name}; name the files by their tasks, "
            f"as in {examples}"
        )

    return ModelRun(
        name, seed, None, predictions, views=read_views(folder), split=read_split(folder)
    )


def _check_labels(runs: Sequence[ModelRun]) -> None:
    """Raises UserError if two runs give a clip of a task different labels."""
    # Models with different class numbers cannot be compared.
    first_label: dict[tuple[str, str], tuple[int, str]] = {}
    for run in runs:
        for task, predictions in run.predictions.items():
            for clip, label in zip(predictions.ids, predictions.labels.tolist(), strict=True):
                other, owner = first_label.setdefault((task, clip), (label, run.name))
                if other != label:
                    raise UserError(
                        f"in {task}.csv the clip '{clip}' has the label {other} for {owner}, and "
                        f"{label} for {run.name}; number the classes in the same way for all models"
                    )
