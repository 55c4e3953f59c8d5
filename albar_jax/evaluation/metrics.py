"""Accuracy, contrasted accuracy and confusions: pure functions over predictions, joined by id."""

import dataclasses
import re

import numpy as np

from albar_jax.errors import UserError
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


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """SCUBA and SCUFO clips joined by id, in the order of the SCUBA set.

    `scuba` and `scufo` are int arrays (N,): row `scuba[i]` of the first and row `scufo[i]` of the second set are
    the moving and the static clip `ids[i]`. `unpaired` are the ids that only one of the sets has.
    """

    ids: tuple[str, ...]
    scuba: np.ndarray
    scufo: np.ndarray
    unpaired: tuple[str, ...]


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


def pair(scuba: Predictions, scufo: Predictions) -> Pairs:
    """Joins the two sets by id, whatever their order.

    Raises:
      UserError: no id is in both sets, or the two clips of a pair have different labels.
    """
    row_of = {clip: row for row, clip in enumerate(scufo.ids)}
    ids = tuple(clip for clip in scuba.ids if clip in row_of)
    if not ids:
        raise UserError(
            f"No SCUFO clip has the id of a SCUBA clip (SCUBA has '{scuba.ids[0]}', SCUFO has '{scufo.ids[0]}'); "
            "a static clip must carry the id of the clip that it was taken from."
        )
    rows_scuba = np.array([row for row, clip in enumerate(scuba.ids) if clip in row_of])
    rows_scufo = np.array([row_of[clip] for clip in ids])
    differs = scuba.labels[rows_scuba] != scufo.labels[rows_scufo]
    if differs.any():
        first = int(np.argmax(differs))
        raise UserError(
            f"The SCUBA and the SCUFO clip '{ids[first]}' have different labels, {scuba.labels[rows_scuba][first]} "
            f"and {scufo.labels[rows_scufo][first]}; one of the two prediction files belongs to another data set."
        )
    both = set(ids)
    unpaired = tuple(clip for clip in (*scuba.ids, *scufo.ids) if clip not in both)
    return Pairs(ids, rows_scuba, rows_scufo, unpaired)


def contrasted(scuba: Predictions, scufo: Predictions) -> Outcomes:
    """Which pairs have a right SCUBA answer and a wrong SCUFO answer. (ALBAR Sec. 4.4)"""
    pairs = pair(scuba, scufo)
    hit = accuracy(scuba).values[pairs.scuba] & ~accuracy(scufo).values[pairs.scufo]
    return Outcomes(pairs.ids, hit, pairs.unpaired)


def confusion_matrix(predictions: Predictions, num_classes: int) -> np.ndarray:
    """Counts int64 (K, K): row is the true class, column the chosen one."""
    largest = int(max(predictions.labels.max(), predictions.pred.max()))
    if largest >= num_classes:
        raise UserError(f"The predictions name class {largest}, but only {num_classes} classes are known.")
    cells = predictions.labels.astype(np.int64) * num_classes + predictions.pred
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
