"""Computes the usual figures of a classifier, for each test set of each model."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from albar_jax.evaluation import averages, calibration, metrics
from albar_jax.evaluation.calibration import Reliability
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelSummary, Results

_NUM_TOP = 5


@dataclasses.dataclass(frozen=True)
class StandardFigure:
    """A figure of a test set.

    Attributes:
      name: key in results.json.
      title: its heading.
      goal: "up" if higher is better, "down" if lower is better.
      scale: 100 for a share in percent, else 1.
      measure: computes the figure of a run; None if the run does not have it.
    """

    name: str
    title: str
    goal: str
    scale: int
    measure: Callable[[Predictions], float | None]


@dataclasses.dataclass(frozen=True)
class StandardLine:
    """The figures of one model on one test set.

    Attributes:
      task: the test set.
      model: name of the model.
      clips: number of clips, minimum over seeds.
      abstained: number of clips without an answer, mean over seeds.
      mean: mean over seeds by figure; None if a run does not have it.
      sd: standard deviation over seeds by figure; None for a single seed.
      reliability: bins over all seeds; None without probabilities.
    """

    task: str
    model: str
    clips: int
    abstained: float
    mean: dict[str, float | None]
    sd: dict[str, float | None]
    reliability: Reliability | None


def top5(predictions: Predictions) -> float | None:
    """Returns the share of clips whose class is among the five most probable ones, 0 to 1.

    Of equally probable classes, the first comes first. A correct predicted class always counts.

    Returns:
      None without probabilities, or if the model chose from at most five classes.
    """
    if predictions.probs is None or predictions.num_choices() <= _NUM_TOP:
        return None

    probs = predictions.probs
    labels = predictions.labels[:, None]
    prob_of_label = np.take_along_axis(probs, labels, axis=1)
    is_before = probs > prob_of_label
    is_before |= (probs == prob_of_label) & (np.arange(probs.shape[1]) < labels)
    is_hit = is_before.sum(axis=1) < _NUM_TOP
    # Comparisons with the NaN of an abstention are False.
    is_hit &= ~predictions.abstained
    return float((is_hit | metrics.accuracy(predictions).values).mean())


def mean_class_accuracy(predictions: Predictions) -> float:
    """Returns the mean over classes of the accuracy on their clips, 0 to 1.

    Classes without a clip do not count.
    """
    clips = np.bincount(predictions.labels)
    hits = np.bincount(predictions.labels, weights=metrics.accuracy(predictions).values)
    return float((hits[clips > 0] / clips[clips > 0]).mean())


def expected_calibration_error(predictions: Predictions) -> float | None:
    """Returns the expected calibration error over 15 equal bins, 0 to 1."""
    bins = calibration.reliability([predictions])
    return None if bins is None else bins.error


FIGURES = (
    StandardFigure("top1", "Top-1", "up", 100, metrics.top1),
    StandardFigure("top5", "Top-5", "up", 100, top5),
    StandardFigure("mean_class", "Mean class accuracy", "up", 100, mean_class_accuracy),
    StandardFigure("ece", "ECE", "down", 100, expected_calibration_error),
    StandardFigure("brier", "Brier score", "down", 1, calibration.brier),
)


def standard_lines(results: Results) -> tuple[StandardLine, ...]:
    """Returns a line for each test set and each model that has it with all seeds."""
    tested = {task: None for run in results.runs for task in run.predictions}
    # The order of the benchmark; other tasks do not occur.
    tasks = [task for task in results.suite.every_task if task in tested]
    lines = []
    for task, summary in itertools.product(tasks, results.summaries):
        runs = [predictions[task] for predictions in summary.predictions if task in predictions]
        if runs and len(runs) == len(summary.runs):
            lines.append(_line(task, summary, runs))
    return tuple(lines)


def _line(task: str, summary: ModelSummary, runs: Sequence[Predictions]) -> StandardLine:
    mean, sd = {}, {}
    for figure in FIGURES:
        measured = []
        for predictions in runs:
            value = figure.measure(predictions)
            measured.append(None if value is None else figure.scale * value)
        mean[figure.name] = averages.mean(measured)
        sd[figure.name] = averages.sd(measured)

    return StandardLine(
        task,
        summary.name,
        clips=min(map(len, runs)),
        abstained=float(np.mean([predictions.abstained.sum() for predictions in runs])),
        mean=mean,
        sd=sd,
        reliability=calibration.reliability(runs),
    )
