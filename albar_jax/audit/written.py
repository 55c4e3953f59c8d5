"""Writes the answers of a model as predictions, a CSV file for each test set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from albar_jax.audit.asked_sets import AskedSet, AskedSets
from albar_jax.audit.class_match import ClassMatch
from albar_jax.audit.models.base import Answer, Sampling, SpecifiedClips
from albar_jax.evaluation.counts import write_left_out
from albar_jax.evaluation.predictions import ABSTAINED, Predictions, write_predictions
from albar_jax.evaluation.suites import SUITES
from albar_jax.evaluation.views import write_views
from albar_jax.storage import class_names
from albar_jax.storage.class_names import write_class_list
from albar_jax.storage.inside import inside
from albar_jax.terminal.escapes import notify

# File names of the predictions of all suites.
_EVERY_TASK = {task for suite in SUITES.values() for task in suite.every_task}


def predictions_of(
    test: AskedSet, answers: Mapping[tuple[str, int], Answer], match: ClassMatch
) -> Predictions | None:
    """Returns the predictions of a test set; None if it has no answer.

    Args:
      test: the test set.
      answers: answers in the classes of the model, by (task, row). Clips without an entry are left
        out.
      match: translates them to the classes of the test set.
    """
    rows = [row for row in range(len(test.manifest)) if (test.task, row) in answers]
    if not rows:
        return None

    translated = [match.translate(answers[test.task, row]) for row in rows]
    others = sorted(set(range(len(test.manifest))) - set(rows))
    lost = test.manifest.take(others)
    left_out = dict(zip(lost.ids, lost.labels.tolist(), strict=True))

    asked = test.manifest.take(rows)
    probs, pred = _arrays(translated, match.num_test)
    return Predictions(asked.ids, asked.labels, probs, pred, left_out)


def write(
    folder: Path,
    tests: AskedSets,
    answers: Mapping[tuple[str, int], Answer],
    match: ClassMatch,
    views: Mapping[str, str],
) -> None:
    """Writes the predictions of a model, its classes and its views into a folder.

    Args:
      folder: folder of the model's predictions.
      tests: the test sets.
      answers: see `predictions_of`.
      match: translates them.
      views: describes the views of each task.
    """
    tables: dict[str, Predictions] = {}
    for test in tests.sets:
        table = predictions_of(test, answers, match)
        if table is None:
            notify(f"note: no clip of {test.task} was answered, so it has no figures")
        else:
            tables[test.task] = table

    # They may be predictions of another command. Any other file belongs to the user.
    for task in _EVERY_TASK - set(tables):
        inside(folder, f"{task}.csv").unlink(missing_ok=True)

    for task, table in tables.items():
        write_predictions(inside(folder, f"{task}.csv"), table)
    write_left_out(folder, tables)
    write_class_list(folder / class_names.FILE, tests.classes)
    write_views(folder, {task: views[task] for task in tables})


def views_in_words(sampling: Sampling, views: int, match: ClassMatch, task: str) -> str:
    """Describes the views of a test set, as in "1 clip of 16 frames at 15 per second".

    Args:
      sampling: the frames that the model wants.
      views: clips of a video whose answers are averaged.
      match: the classes of the model; a subset is described, too.
      task: the test set.
    """
    if isinstance(sampling, SpecifiedClips):
        text = sampling.in_words(task)
    else:
        clips = "1 clip" if views == 1 else f"{views} clips"
        text = f"{clips} of {_frames_in_words(sampling)}"
    subset = match.in_words()
    return f"{text}; {subset}" if subset else text


def _frames_in_words(sampling: Sampling) -> str:
    if sampling.num_frames is None:
        return "all frames"

    frames = f"{sampling.num_frames} frames"
    if sampling.fps is not None:
        return f"{frames} at {sampling.fps:g} per second"
    if sampling.stride is not None:
        return f"{frames} at stride {sampling.stride}"
    return f"{frames} spread evenly"


def _arrays(answers: Sequence[Answer], num_classes: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Returns probabilities and predicted classes of some answers; None if they are classes."""
    pred = np.full(len(answers), ABSTAINED, np.int32)
    probs = np.full((len(answers), num_classes), np.nan, np.float32)
    has_probs = False
    for row, answer in enumerate(answers):
        if isinstance(answer, int):
            pred[row] = answer
        elif answer is not None:
            has_probs = True
            probs[row] = answer
            pred[row] = answer.argmax()

    return (probs if has_probs else None), pred
