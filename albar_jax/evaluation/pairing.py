"""Joins the predictions for two test sets by id; a clip and its altered copy have the same id."""

import dataclasses

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import Predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Clips of two test sets joined by id, in the order of the first set.

    Attributes:
      ids: ids of the N pairs.
      first: int (N,), row of each pair in the first set.
      second: int (N,), row of each pair in the second set.
      unpaired: ids that only one of the sets has.
    """

    ids: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    unpaired: tuple[str, ...]


def pair(
    first: Predictions, second: Predictions, *, kinds: tuple[str, str] = ("SCUBA", "SCUFO")
) -> Pairs:
    """Joins two sets by id; their orders may differ.

    Args:
      first: predictions for the original clips.
      second: predictions for the altered clips.
      kinds: names of the two sets in error messages.

    Raises:
      UserError: the sets have no common id, or the two clips of a pair have different labels.
    """
    pairs = _join(first, second)
    if not pairs.ids:
        raise UserError(
            f"no {kinds[1]} clip has the id of a {kinds[0]} clip ({kinds[0]} has "
            f"'{first.ids[0]}', {kinds[1]} has '{second.ids[0]}'); give an altered clip the id of "
            "its original clip"
        )
    _check_labels(pairs, first, second, kinds)
    return pairs


def _join(first: Predictions, second: Predictions) -> Pairs:
    # The usual case is fast: both sets have the same clips in the same order.
    if first.ids == second.ids:
        rows = np.arange(len(first))
        return Pairs(first.ids, rows, rows, unpaired=())

    # A dict finds the partner of each clip in constant time.
    row_of = {clip: row for row, clip in enumerate(second.ids)}
    ids, rows_first, rows_second = [], [], []
    for row, clip in enumerate(first.ids):
        if clip in row_of:
            ids.append(clip)
            rows_first.append(row)
            rows_second.append(row_of[clip])

    return Pairs(
        tuple(ids),
        np.array(rows_first),
        np.array(rows_second),
        unpaired=_unpaired(first, second, set(ids)),
    )


def _unpaired(first: Predictions, second: Predictions, paired: set[str]) -> tuple[str, ...]:
    return tuple(clip for clip in (*first.ids, *second.ids) if clip not in paired)


def _check_labels(
    pairs: Pairs, first: Predictions, second: Predictions, kinds: tuple[str, str]
) -> None:
    labels_first = first.labels[pairs.first]
    labels_second = second.labels[pairs.second]
    differs = labels_first != labels_second
    if not differs.any():
        return

    # `argmax` returns the first difference.
    row = int(np.argmax(differs))
    raise UserError(
        f"the {kinds[0]} and the {kinds[1]} clip '{pairs.ids[row]}' have different labels, "
        f"{labels_first[row]} and {labels_second[row]}; use prediction files of one data set"
    )
