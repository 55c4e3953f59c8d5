"""Names the classes of audited predictions, from classes.txt or from the class numbers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import ABSTAINED, Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.storage import class_names
from albar_jax.storage.class_names import read_class_list


def name_classes(
    folders: Sequence[Path], runs: Sequence[ModelRun], given: Sequence[str] | None
) -> tuple[str, ...]:
    """Returns the names of the K classes.

    Args:
      folders: folders of the runs, each with an optional classes.txt.
      runs: the runs.
      given: class names to use if there is no classes.txt. By default, the class numbers.

    Raises:
      UserError: two lists differ, a list has too few names, or a class number is implausibly large.
    """
    num_classes = max(_num_classes(run.predictions) for run in runs)
    listed = _read_lists(folders, runs)
    if listed is not None:
        path, names = listed
        return _check_length(names, num_classes, path)
    if given is not None:
        return _check_length(tuple(given), num_classes, "the manifest")

    return tuple(map(str, range(_count_unnamed_classes(runs))))


def _read_lists(
    folders: Sequence[Path], runs: Sequence[ModelRun]
) -> tuple[Path, tuple[str, ...]] | None:
    """Returns the last classes.txt with its names; all lists must agree. None if there is none."""
    lists = {}
    for folder in folders:
        class_list = read_class_list(folder / class_names.FILE)
        if class_list.names:
            lists[folder / class_names.FILE] = class_list

    for path, class_list in lists.items():
        first_path, first_list = next(iter(lists.items()))
        if class_list != first_list:
            raise UserError(
                f"{first_path} and {path} number the classes differently; audit their models one "
                "by one"
            )
        # A list may count from 1 if predictions count from 0. If predictions seem to count from 1,
        # too, their classes may be off by one.
        if class_list.first == 1 and _smallest_class(runs) == 1:
            raise UserError(
                f"{path} counts classes from 1, and no prediction has class 0; count both from 0"
            )

    if not lists:
        return None
    return path, class_list.names


def _check_length(names: tuple[str, ...], num_classes: int, origin: str | Path) -> tuple[str, ...]:
    if len(names) < num_classes:
        raise UserError(
            f"{origin} names {len(names)} classes, but the predictions have {num_classes}; add the "
            "rest"
        )
    return names


def _num_classes(predictions: Mapping[str, Predictions]) -> int:
    """Returns the number of classes in the files of a run."""
    widths = {}
    for task, of_task in predictions.items():
        if of_task.probs is not None:
            widths[task] = of_task.probs.shape[1]
    if len(set(widths.values())) > 1:
        listing = ", ".join(f"{task}: {width}" for task, width in widths.items())
        raise UserError(
            f"the files of a model have different numbers of classes ({listing}); write all "
            "classes in each"
        )

    # Labels and predictions may name more classes than there are columns of probabilities.
    largest = -1
    for of_task in predictions.values():
        largest = max(largest, of_task.labels.max(), of_task.pred.max(), *of_task.left_out.values())
    return max(int(largest) + 1, *widths.values(), 0)


def _smallest_class(runs: Sequence[ModelRun]) -> int:
    """Returns the smallest class number; 0 if there are columns of probabilities."""
    smallest = []
    for run in runs:
        for predictions in run.predictions.values():
            if predictions.probs is not None:
                return 0
            answers = predictions.pred[~predictions.abstained]
            smallest += [predictions.labels.min(), *answers]

    return int(min(smallest))


def _count_unnamed_classes(runs: Sequence[ModelRun]) -> int:
    """Returns the number of classes if nothing names them.

    Raises:
      UserError: a class number is implausibly large. The message says where it is.
    """
    place_of: dict[int, str] = {}
    for run in runs:
        for task, predictions in run.predictions.items():
            for number, place in _class_numbers(run.name, task, predictions):
                place_of.setdefault(number, place)

    return class_names.count_classes(place_of, place_of.__getitem__)


def _class_numbers(model: str, task: str, predictions: Predictions) -> Iterator[tuple[int, str]]:
    """Yields each class number of a task with a text that says where it is."""
    if predictions.probs is not None:
        for number in range(predictions.probs.shape[1]):
            yield number, task
    for clip, label in predictions.left_out.items():
        yield label, f"the clip {clip!r} of {task}, which {model} leaves out,"
    for numbers in (predictions.labels, predictions.pred):
        # One clip of each class is enough for an error message.
        values, first_rows = np.unique(numbers, return_index=True)
        for number, row in zip(values.tolist(), first_rows.tolist(), strict=True):
            if number == ABSTAINED:
                continue
            yield number, f"the clip {predictions.ids[row]!r} of {task}.csv of {model}"
