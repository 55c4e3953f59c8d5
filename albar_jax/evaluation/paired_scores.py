"""Scores clips together with another clip of the same video, or with the class of the scene."""

from collections.abc import Mapping

import numpy as np

from albar_jax.errors import UserError
from albar_jax.evaluation import margin
from albar_jax.evaluation.bootstrap import source_video
from albar_jax.evaluation.metrics import Outcomes, accuracy
from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import Predictions


def needs_motion(clips: Predictions, stills: Predictions) -> Outcomes:
    """Returns a hit for each pair with a correct clip and a wrong still of it.

    Raises:
      UserError: no still has the id of a clip, or the two clips of a pair have different labels.
    """
    return _right_without(clips, stills, accuracy(stills).values)


def needs_motion_with_margin(clips: Predictions, stills: Predictions) -> Outcomes:
    """Returns a hit for each pair with a correct clip whose still is no shortcut.

    A still is a shortcut if it is correct with a margin; see `margin`.

    Raises:
      UserError: no still has the id of a clip, or the two clips of a pair have different labels.
    """
    return _right_without(clips, stills, margin.is_shortcut(stills))


def _right_without(clips: Predictions, stills: Predictions, is_shortcut: np.ndarray) -> Outcomes:
    pairs = pair(clips, stills, kinds=("moving", "still"))
    is_right = accuracy(clips).values[pairs.first]
    return Outcomes(pairs.ids, is_right & ~is_shortcut[pairs.second], pairs.unpaired)


def accuracy_of_altered(altered: Predictions, originals: Predictions) -> Outcomes:
    """Returns a hit for each correct altered clip whose original was predicted, too."""
    return _of_pairs(altered, originals, of_originals=False)


def accuracy_of_originals(altered: Predictions, originals: Predictions) -> Outcomes:
    """Returns a hit for each altered clip whose original is correct."""
    return _of_pairs(altered, originals, of_originals=True)


def _of_pairs(altered: Predictions, originals: Predictions, *, of_originals: bool) -> Outcomes:
    """Scores the altered clips or their originals, for the altered clips with an original.

    An altered clip has the id of its original, or `<id>__<copy>`. Originals without an altered clip
    do not matter: a set need not have a clip of each video.
    """
    row_of = {clip: row for row, clip in enumerate(originals.ids)}
    rows, partners, unpaired = [], [], []
    for row, clip in enumerate(altered.ids):
        partner = row_of.get(clip, row_of.get(source_video(clip)))
        if partner is None:
            unpaired.append(clip)
        else:
            rows.append(row)
            partners.append(partner)

    if not rows:
        raise UserError(
            f"no altered clip has the id of an original clip (altered has '{altered.ids[0]}', "
            f"original has '{originals.ids[0]}'); give an altered clip the id of its original clip"
        )
    hits = accuracy(altered).values[rows]
    if of_originals:
        hits = accuracy(originals).values[partners]
    return Outcomes(tuple(altered.ids[row] for row in rows), hits, tuple(unpaired))


def names_scene(predictions: Predictions, scenes: Mapping[str, int]) -> Outcomes | None:
    """Returns a hit for each action swap with the class of its background's video.

    Args:
      predictions: predictions for action swaps.
      scenes: class of the video that the background comes from, by id. Clips without one do not
        count, and neither do clips with a background of their own class.

    Returns:
      The outcomes; None if no clip has such a class.
    """
    rows, unknown = [], []
    for row, (clip, label) in enumerate(
        zip(predictions.ids, predictions.labels.tolist(), strict=True)
    ):
        if scenes.get(clip, label) != label:
            rows.append(row)
        else:
            unknown.append(clip)
    if not rows:
        return None

    ids = tuple(predictions.ids[row] for row in rows)
    classes = np.array([scenes[clip] for clip in ids])
    return Outcomes(ids, predictions.pred[rows] == classes, tuple(unknown))
