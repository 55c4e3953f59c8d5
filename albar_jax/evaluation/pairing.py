"""Joins the answers to two test sets by id: a clip and its altered copy share one."""

import dataclasses

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation.predictions import Predictions


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Clips of two sets joined by id, in the order of the first set.

    `first` and `second` are int arrays (N,): row `first[i]` of the one and row `second[i]` of the other set are the
    two clips named `ids[i]`. `unpaired` are the ids that only one of the sets has.
    """

    ids: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    unpaired: tuple[str, ...]


def pair(
    first: Predictions, second: Predictions, *, kinds: tuple[str, str] = ("SCUBA", "SCUFO")
) -> Pairs:
    """Joins the two sets by id, whatever their order; `kinds` names them in errors.

    Raises:
      UserError: no id is in both sets, or the two clips of a pair have different labels.
    """
    row_of = {clip: row for row, clip in enumerate(second.ids)}
    ids = tuple(clip for clip in first.ids if clip in row_of)
    if not ids:
        raise UserError(
            f"No {kinds[1]} clip has the id of a {kinds[0]} clip ({kinds[0]} has '{first.ids[0]}', {kinds[1]} has "
            f"'{second.ids[0]}'); an altered clip must carry the id of the clip that it was taken from."
        )
    rows_first = np.array([row for row, clip in enumerate(first.ids) if clip in row_of])
    rows_second = np.array([row_of[clip] for clip in ids])
    differs = first.labels[rows_first] != second.labels[rows_second]
    if differs.any():
        worst = int(np.argmax(differs))
        raise UserError(
            f"The {kinds[0]} and the {kinds[1]} clip '{ids[worst]}' have different labels, "
            f"{first.labels[rows_first][worst]} and {second.labels[rows_second][worst]}; one of the two prediction "
            "files belongs to another data set."
        )
    both = set(ids)
    unpaired = tuple(clip for clip in (*first.ids, *second.ids) if clip not in both)
    return Pairs(ids, rows_first, rows_second, unpaired)
