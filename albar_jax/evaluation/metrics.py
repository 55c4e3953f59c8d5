"""Computes accuracy, contrasted accuracy and confusion matrices from predictions, joined by id."""

import dataclasses
import re

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import Predictions

# The end of an id of a repeated clip: `#2`, `#3`, ...
REPEAT = re.compile(r"#\d+$")


@dataclasses.dataclass(frozen=True, eq=False)
class Outcomes:
    """The outcomes of one test set: a hit or a miss for each clip, or for each pair of clips.

    Attributes:
      ids: ids of the N clips or pairs that count.
      values: bool (N,), True for a hit.
      unpaired: ids of clips without a partner, which do not count. Empty if the metric needs no
        pairs.
    """

    ids: tuple[str, ...]
    values: np.ndarray
    unpaired: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Share of hits, 0 to 1."""
        return float(self.values.mean())


def accuracy(predictions: Predictions) -> Outcomes:
    """Returns a hit for each clip with the correct class."""
    return Outcomes(predictions.ids, predictions.pred == predictions.labels)


def accuracy_once(predictions: Predictions) -> Outcomes:
    """Returns the same as `accuracy`, without repeated clips.

    The id of a repeated clip ends in `#2`, `#3`, ...
    """
    is_first = np.array([not REPEAT.search(clip) for clip in predictions.ids])
    hits = accuracy(predictions)
    # An object array can be indexed by a mask.
    ids = np.array(hits.ids, object)[is_first]
    return Outcomes(tuple(ids), hits.values[is_first])


def top1(predictions: Predictions) -> float:
    """Returns the share of clips with the correct class, 0 to 1."""
    return accuracy(predictions).mean


def contrasted(scuba: Predictions, scufo: Predictions) -> Outcomes:
    """Returns a hit for each pair with a correct SCUBA clip and a wrong SCUFO clip.

    (ALBAR Sec. 4.4)
    """
    pairs = pair(scuba, scufo)
    scuba_is_correct = accuracy(scuba).values[pairs.first]
    scufo_is_correct = accuracy(scufo).values[pairs.second]
    return Outcomes(pairs.ids, scuba_is_correct & ~scufo_is_correct, pairs.unpaired)


def confusion_matrix(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Counts the clips of each (true class, predicted class), int64 (K, K).

    Abstentions are left out.

    Raises:
      UserError: a class is not below `num_classes`.
    """
    largest = int(max(predictions.labels.max(), predictions.pred.max()))
    if largest >= num_classes:
        raise UserError(
            f"the predictions have the class {largest}, but there are only {num_classes} classes; "
            "give the names of all classes"
        )

    # Cell (i, j) of the matrix has the number i K + j.
    cells = predictions.labels.astype(np.int64) * num_classes + predictions.pred
    cells = cells[~predictions.abstained]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
