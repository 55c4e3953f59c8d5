"""Draws the confusion matrices of a report."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.counts import ClipCount
from albar_jax.evaluation.results import ModelSummary
from albar_jax.report import plots
from albar_jax.report.report_data import ReportData

# Color of the matrix, RGB.
_COLOR = (0, 114, 178)


@dataclasses.dataclass(frozen=True)
class Confusion:
    """A drawn confusion matrix.

    Attributes:
      model: name of the model.
      task: name of the test set.
      clips: number of predictions, as text.
      png: image of the matrix as a data URL.
      shares: float64 (K, K), share of each predicted class (column) by true class (row), 0 to 1.
      worst: the most frequent mistake: (true class, predicted class, share). None without mistakes.
    """

    model: str
    task: str
    clips: str
    png: str
    shares: np.ndarray
    worst: tuple[str, str, float] | None


def draw_confusions(data: ReportData) -> list[Confusion]:
    """Draws the IID set and the first SCUBA set of each model, summed over seeds."""
    tasks = [data.suite.iid]
    if data.suite.pairs:
        # The first background is enough to show the kind of mistakes.
        scuba, _ = data.suite.pairs[0]
        tasks.append(scuba)

    confusions = []
    for summary in data.summaries:
        for task in tasks:
            # A sum over fewer seeds would not be comparable with the other models.
            if all(task in predictions for predictions in summary.predictions):
                confusions.append(_draw(summary, task, data.classes))

    return confusions


def _draw(summary: ModelSummary, task: str, classes: Sequence[str]) -> Confusion:
    counts = np.zeros((len(classes), len(classes)), np.int64)
    left_out = 0
    for predictions in summary.predictions:
        counts += metrics.confusion_matrix(predictions[task], len(classes))
        left_out += len(predictions[task].left_out)

    # A class without a clip has an empty row.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return Confusion(
        summary.name,
        task,
        ClipCount(int(counts.sum()), left_out).text,
        plots.matrix_png(shares, _COLOR),
        shares,
        _worst_mistake(shares, classes),
    )


def _worst_mistake(shares: np.ndarray, classes: Sequence[str]) -> tuple[str, str, float] | None:
    # The diagonal has the correct predictions.
    mistakes = shares * (1 - np.eye(len(classes)))
    if not mistakes.max() > 0:
        return None
    true, predicted = np.unravel_index(mistakes.argmax(), mistakes.shape)
    return classes[int(true)], classes[int(predicted)], float(mistakes.max())
