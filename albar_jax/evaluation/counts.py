"""Counts the clips that a figure is based on, and the clips that it leaves out."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax import files
from albar_jax.errors import UserError
from albar_jax.evaluation.metrics import REPEAT, accuracy_once
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelSummary, Results
from albar_jax.evaluation.suites import Row
from albar_jax.storage import class_names, csv_files

_COLUMNS = ("task", "id", "label")
# Lists the clips without a prediction. It is in the folder of a run's predictions.
FILE = "left_out.tsv"


@dataclasses.dataclass(frozen=True)
class ClipCount:
    """Numbers of clips, or pairs of clips, over all test sets of a row.

    Attributes:
      tested: number with a prediction.
      left_out: number without a prediction or a partner.
    """

    tested: int
    left_out: int

    @property
    def text(self) -> str:
        """The count as text: `4`, or `1 of 4` if clips are left out."""
        if not self.left_out:
            return f"{self.tested:,}"
        return f"{self.tested:,} of {self.tested + self.left_out:,}"


def count_clips(row: Row, predictions: Mapping[str, Predictions]) -> ClipCount | None:
    """Counts the clips of a row in one run; None if a task is missing."""
    outcomes_of_sets = row.outcomes(predictions)
    if outcomes_of_sets is None:
        return None

    tested = 0
    left_out = 0
    # A ratio has the same clips in both of its sets, so only the first counts.
    for outcomes, tasks in zip(outcomes_of_sets, row.counted_sets, strict=False):
        missing = set(outcomes.unpaired)
        for task in tasks:
            missing |= predictions[task].left_out.keys()
        # A repeated clip does not count, so it cannot be left out.
        if row.score is accuracy_once:
            missing = set(itertools.filterfalse(REPEAT.search, missing))
        tested += len(outcomes.ids)
        # A pair that lacks both of its clips counts once. A set of all ids takes long to make.
        if missing:
            left_out += len(missing.difference(outcomes.ids))

    return ClipCount(tested, left_out)


def count_clips_over_seeds(row: Row, summary: ModelSummary) -> ClipCount | None:
    """Counts the clips of a row that every run of a model has; None if a task is missing."""
    tested: list[int] = []
    total: list[int] = []
    for predictions in summary.predictions:
        count = count_clips(row, predictions)
        if count is None:
            return None
        tested.append(count.tested)
        total.append(count.tested + count.left_out)

    if not tested:
        return None
    return ClipCount(min(tested), max(total) - min(tested))


def left_out_of_class(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Counts the clips without a prediction in each class, int64 (K,)."""
    # Without a dtype, an empty list would make an array of floats.
    labels = np.array(list(predictions.left_out.values()), int)
    return np.bincount(labels, minlength=num_classes)


def write_left_out(folder: Path, predictions: Mapping[str, Predictions]) -> None:
    """Writes the clips without a prediction next to the predictions.

    Writes no file if there are none.
    """
    _write(folder, {task: of_task.left_out for task, of_task in predictions.items()})


def add_left_out(folder: Path, task: str, predictions: Predictions) -> None:
    """Replaces the rows of one task in the file."""
    _write(folder, {**_read(folder), task: predictions.left_out})


def read_left_out(folder: Path, predictions: Mapping[str, Predictions]) -> dict[str, Predictions]:
    """Adds the left-out clips of a folder to its predictions.

    Raises:
      UserError: the file is malformed.
    """
    # `Predictions` checks the classes but does not know the file, so its name is added here.
    clips = _read(folder)
    try:
        return {
            task: of_task.with_left_out(clips.get(task, {}))
            for task, of_task in predictions.items()
        }
    except UserError as error:
        raise UserError(f"in '{folder / FILE}', {error}") from None


def _write(folder: Path, left_out_of: Mapping[str, Mapping[str, int]]) -> None:
    """Writes the columns `task,id,label`, separated by tabs."""
    lines = []
    for task, left_out in left_out_of.items():
        for clip, label in sorted(left_out.items()):
            lines.append((task, clip, label))

    # A file of an earlier run must not remain.
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
                f"{table.where(number)} has the label {row['label']!r}; give the number of its "
                "class"
            )
        clips.setdefault(row["task"], {})[files.composed(row["id"])] = label

    return clips


def empty_classes(predictions: Predictions, num_classes: int) -> list[int]:
    """Returns the classes without any clip in a test set, tested or left out."""
    labels = [*predictions.labels.tolist(), *predictions.left_out.values()]
    return np.flatnonzero(np.bincount(labels, minlength=num_classes) == 0).tolist()


def coverage_notes(results: Results, classes: Sequence[str]) -> list[str]:
    """Returns one sentence about the left-out clips of each test set, then one about empty classes.

    Args:
      results: the results; runs with the same left-out clips share a sentence.
      classes: the K class names.
    """
    return [*_left_out_notes(results), *_empty_class_notes(results, classes)]


def _left_out_notes(results: Results) -> list[str]:
    # Runs with the same left-out clips share a sentence.
    labels_of: dict[tuple[str, int, int, str], list[str]] = {}
    for run in results.runs:
        for task, predictions in run.predictions.items():
            left_out = predictions.left_out
            if left_out:
                key = (task, len(predictions), len(left_out), min(left_out))
                labels_of.setdefault(key, []).append(run.label)

    notes = []
    for (task, tested, left_out, first), labels in labels_of.items():
        notes.append(
            f"{task}: {tested:,} of {tested + left_out:,} clips are tested; {left_out:,} are left "
            f"out as unreadable or without a prediction, {first!r} first "
            f"({name_runs(labels, results)})."
        )
    return notes


def abstention_notes(results: Results) -> list[str]:
    """Returns a sentence about the clips without an answer; runs with the same clips share it."""
    labels_of: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for run in results.runs:
        abstained = []
        for task, predictions in run.predictions.items():
            if predictions.abstained.any():
                abstained.append((task, int(predictions.abstained.sum())))
        if abstained:
            labels_of.setdefault(tuple(abstained), []).append(run.label)

    notes = []
    for abstained, labels in labels_of.items():
        listing = ", ".join(f"{task} {count:,}" for task, count in abstained)
        notes.append(
            "Clips without an answer of the model (abstentions), which count as wrong: "
            f"{listing} ({name_runs(labels, results)})."
        )
    return notes


def name_runs(labels: Sequence[str], results: Results) -> str:
    """Lists the labels of runs as text, or `all models` if these are all runs."""
    if len(labels) == len(results.runs):
        return "all models"
    return "; ".join(labels)


def _empty_class_notes(results: Results, classes: Sequence[str]) -> list[str]:
    iid = results.suite.iid
    for run in results.runs:
        if iid in run.predictions:
            # All runs have the clips of the test set, with or without a prediction.
            empty = empty_classes(run.predictions[iid], len(classes))
            break
    else:
        return []
    if not empty:
        return []

    return [
        f"{iid}: {len(empty)} of {len(classes)} classes have no test clip, {classes[empty[0]]!r} "
        "first, so the figures do not cover them."
    ]
