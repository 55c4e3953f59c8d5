"""Counts the clips behind a figure, and the clips left out of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax import files
from albar_jax.errors import UserError
from albar_jax.evaluation.metrics import REPEAT, accuracy_once
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelSummary
from albar_jax.evaluation.suites import Row
from albar_jax.storage import class_names, csv_files

_COLUMNS = ("task", "id", "label")
# Lists the clips without a prediction, in the folder of a run's predictions.
FILE = "left_out.tsv"


@dataclasses.dataclass(frozen=True)
class Count:
    """Numbers of clips, or pairs of clips, over all test sets of a row: tested and left out."""

    tested: int
    left_out: int

    @property
    def text(self) -> str:
        """Formats the count: `4`, or `1 of 4` if clips are left out."""
        return (
            f"{self.tested:,} of {self.tested + self.left_out:,}"
            if self.left_out
            else f"{self.tested:,}"
        )


def count(row: Row, predictions: Mapping[str, Predictions]) -> Count | None:
    """Counts the clips of a row in one run; None if a task is missing."""
    outcomes = row.outcomes(predictions)
    if outcomes is None:
        return None
    tested = left_out = 0
    for found, tasks in zip(outcomes, row.sets, strict=True):
        lost = {clip for task in tasks for clip in predictions[task].left_out} | set(found.unpaired)
        if row.score is accuracy_once:
            lost = {clip for clip in lost if not REPEAT.search(clip)}
        tested += len(found.ids)
        left_out += len(lost - set(found.ids))

    return Count(tested, left_out)


def count_over_seeds(row: Row, summary: ModelSummary) -> Count | None:
    """Counts the clips of a row that every run of a model has; None if a task is missing."""
    counts = [count(row, run.predictions) for run in summary.runs]
    if not counts or None in counts:
        return None
    tested, total = (
        min(one.tested for one in counts),
        max(one.tested + one.left_out for one in counts),
    )
    return Count(tested, total - tested)


def left_out_of_class(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Returns the number of clips without a prediction in each class, int (K,)."""
    return np.bincount(np.array(list(predictions.left_out.values()), int), minlength=num_classes)


def write_left_out(folder: Path, predictions: Mapping[str, Predictions]) -> None:
    """Writes the clips without a prediction beside the predictions; no file if there are none."""
    _write(folder, {task: found.left_out for task, found in predictions.items()})


def add_left_out(folder: Path, task: str, predictions: Predictions) -> None:
    """Replaces the rows of one task in the file."""
    _write(folder, {**_read(folder), task: predictions.left_out})


def read_left_out(folder: Path, predictions: Mapping[str, Predictions]) -> dict[str, Predictions]:
    """Adds left-out clips to the predictions of a folder. Raises UserError for a damaged file."""
    clips = _read(folder)
    try:
        return {task: found.within(clips.get(task, {})) for task, found in predictions.items()}
    except UserError as error:
        raise UserError(f"In '{folder / FILE}', {error}") from None


def _write(folder: Path, clips: Mapping[str, Mapping[str, int]]) -> None:
    """Writes `task,id,label`, separated by tabs."""
    lines = [
        (task, clip, label)
        for task, found in clips.items()
        for clip, label in sorted(found.items())
    ]
    if not lines:
        (folder / FILE).unlink(missing_ok=True)
        return
    csv_files.write_table(folder / FILE, _COLUMNS, lines, delimiter="\t")


def _read(folder: Path) -> dict[str, dict[str, int]]:
    path = folder / FILE
    clips: dict[str, dict[str, int]] = {}
    if not path.exists():
        return clips
    table = csv_files.read_table(path, _COLUMNS, strip=False, delimiter="\t")
    for number, row in enumerate(table.rows):
        label = csv_files.whole(row["label"])
        if label is None or not 0 <= label < class_names.MOST_CLASSES:
            raise UserError(
                f"{table.where(number)} has the label {row['label']!r}; give the number of its class"
            )
        clips.setdefault(row["task"], {})[files.composed(row["id"])] = label

    return clips


def empty_classes(predictions: Predictions, num_classes: int) -> list[int]:
    """Returns the classes without any clip in a test set, tested or left out."""
    labels = [*predictions.labels.tolist(), *predictions.left_out.values()]
    return np.flatnonzero(np.bincount(labels, minlength=num_classes) == 0).tolist()


def sentences(summaries: Sequence[ModelSummary], classes: Sequence[str], iid: str) -> list[str]:
    """Returns sentences about clips left out of each test set, and about classes without clips."""
    runs = [run for summary in summaries for run in summary.runs]
    models: dict[tuple[str, int, int, str], list[str]] = {}
    for run in runs:
        for task, found in run.predictions.items():
            if found.left_out:
                key = (task, len(found), len(found.left_out), min(found.left_out))
                models.setdefault(key, []).append(f"{run.name}, seed {run.seed}")

    lines = [
        f"{task}: {tested:,} of {tested + lost:,} clips are tested; {lost:,} are left out as unreadable or without "
        f"a prediction, {first!r} first ({'all models' if len(names) == len(runs) else '; '.join(names)})."
        for (task, tested, lost, first), names in models.items()
    ]
    tested = [run.predictions[iid] for run in runs if iid in run.predictions]
    missing = empty_classes(tested[0], len(classes)) if tested else []
    if missing:
        lines.append(
            f"{iid}: {len(missing)} of {len(classes)} classes have no test clip, {classes[missing[0]]!r} first, so the "
            "figures do not cover them."
        )

    return lines
