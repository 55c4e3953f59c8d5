"""Joins the predictions of models for moving clips and their stills."""

import dataclasses

import numpy as np

from albar_jax.evaluation import margin, metrics
from albar_jax.evaluation.pairing import Pairs, pair
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.results import ModelRun
from albar_jax.report.anchors import anchor

# (moving clip correct, still is a shortcut) -> verdict.
_VERDICTS = {
    (True, False): "needs the motion",
    (True, True): "a still was enough",
    (False, True): "only the still",
    (False, False): "not recognized",
}
# Verdict if both are correct, but the still with less than the margin of a shortcut.
_GUESSED = "the still is a guess"


@dataclasses.dataclass(frozen=True)
class PairPrediction:
    """The predictions of one model for a moving clip and its still.

    Attributes:
      model: name of the model.
      moving: predicted class of the moving clip; negative without an answer.
      moving_right: whether it is correct.
      moving_sure: its probability, 0 to 1; None if unknown.
      static: predicted class of the still; negative without an answer.
      static_right: whether it is correct.
      static_sure: its probability, 0 to 1; None if unknown.
      is_shortcut: whether the still is correct with a margin; see `evaluation.margin`.
    """

    model: str
    moving: int
    moving_right: bool
    moving_sure: float | None
    static: int
    static_right: bool
    static_sure: float | None
    is_shortcut: bool

    @property
    def verdict(self) -> str:
        """The meaning of the two predictions in words."""
        if self.needs_motion and self.static_right:
            return _GUESSED
        return _VERDICTS[self.moving_right, self.is_shortcut]

    @property
    def needs_motion(self) -> bool:
        """True if the moving clip is correct and its still is no shortcut."""
        return self.moving_right and not self.is_shortcut


@dataclasses.dataclass(frozen=True)
class ClipPair:
    """A moving clip and its still, chosen for the report.

    Attributes:
      id: id of both clips.
      scuba: task of the moving clip.
      scufo: task of the still.
      label: true class.
      reason: reason for the choice, in words.
      predictions: predictions of each model.
      is_plain: whether the moving clip is an ordinary test clip, and the still its middle frame.
    """

    id: str
    scuba: str
    scufo: str
    label: int
    reason: str
    predictions: tuple[PairPrediction, ...]
    is_plain: bool = False

    @property
    def anchor(self) -> str:
        """The id of the pair on the page; see `anchors`."""
        return anchor("clip", self.id)


def predictions_by_id(run: ModelRun, scuba: str, scufo: str) -> dict[str, PairPrediction]:
    """Returns the predictions of a run for each pair of a moving clip and its still, by id.

    Args:
      run: predictions of a model.
      scuba: task of the moving clips.
      scufo: task of the stills.
    """
    pairs: Pairs = pair(run.predictions[scuba], run.predictions[scufo])
    moving = _columns(run.predictions[scuba], pairs.first)
    static = _columns(run.predictions[scufo], pairs.second)
    shortcuts = margin.is_shortcut(run.predictions[scufo])[pairs.second].tolist()
    rows = zip(*moving, *static, shortcuts, strict=True)
    return {clip: PairPrediction(run.name, *row) for clip, row in zip(pairs.ids, rows, strict=True)}


def _columns(predictions: Predictions, rows: np.ndarray) -> tuple[list, list, list]:
    """Returns the predicted classes of some rows, whether they are correct, and probabilities."""
    # Python lists, because the fields of a pair are plain numbers.
    pred = predictions.pred[rows]
    correct = metrics.accuracy(predictions).values[rows]
    probs = [None] * len(rows)
    if predictions.probs is not None:
        probs = predictions.probs[rows, pred].tolist()

    # An abstention has no probability.
    for row in np.flatnonzero(pred < 0):
        probs[row] = None
    return pred.tolist(), correct.tolist(), probs
