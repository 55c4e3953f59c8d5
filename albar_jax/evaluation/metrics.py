"""Accuracy, contrasted accuracy and confusions: pure functions over predictions, joined by id."""

import dataclasses
import re

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import Predictions

REPEAT = re.compile(r"#\d+$")


@dataclasses.dataclass(frozen=True, eq=False)
class Outcomes:
    """One outcome for each clip, or each pair of clips, of one test set.

    Attributes:
      ids: the N clips that count.
      values: bool (N,), whether the clip is a hit.
      unpaired: the clips left out because their partner is missing; empty where no partner is needed.
    """

    ids: tuple[str, ...]
    values: np.ndarray
    unpaired: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """The share of hits, in 0..1."""
        return float(self.values.mean())


def accuracy(predictions: Predictions) -> Outcomes:
    """Which clips are named right."""
    return Outcomes(predictions.ids, predictions.pred == predictions.labels)


def accuracy_once(predictions: Predictions) -> Outcomes:
    """The same, with a clip that its list repeats counted once: the repeats' ids end in `#2`, `#3`, ..."""
    once = np.array([not REPEAT.search(clip) for clip in predictions.ids])
    hits = accuracy(predictions)
    return Outcomes(tuple(np.array(hits.ids, object)[once]), hits.values[once])


def top1(predictions: Predictions) -> float:
    """Share of clips whose most probable class is the label, in 0..1."""
    return accuracy(predictions).mean


def contrasted(scuba: Predictions, scufo: Predictions) -> Outcomes:
    """Which pairs have a right SCUBA answer and a wrong SCUFO answer. (ALBAR Sec. 4.4)"""
    pairs = pair(scuba, scufo)
    hit = accuracy(scuba).values[pairs.first] & ~accuracy(scufo).values[pairs.second]
    return Outcomes(pairs.ids, hit, pairs.unpaired)


def confusion_matrix(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Counts int64 (K, K): row is the true class, column the chosen one."""
    largest = int(max(predictions.labels.max(), predictions.pred.max()))
    if largest >= num_classes:
        raise UserError(
            f"The predictions name class {largest}, but only {num_classes} classes are known."
        )
    cells = predictions.labels.astype(np.int64) * num_classes + predictions.pred
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
