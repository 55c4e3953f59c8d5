"""Measures the source of mistakes: the appearance of a still, or a pasted foreground."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import ABSTAINED, Predictions
from albar_jax.storage.csv_files import read_table, whole


def share_like_still(pairs_of_sets: Sequence[tuple[Predictions, Predictions]]) -> float | None:
    """Returns the share of misclassified SCUBA clips with the same prediction as their still.

    Such a mistake comes from appearance alone. The mistakes on all backgrounds are pooled. An
    abstention names no class and is no such mistake.

    Args:
      pairs_of_sets: (SCUBA, SCUFO) predictions of each background.

    Returns:
      0 to 1; None without a mistake.
    """
    is_like_still = []
    for scuba, scufo in pairs_of_sets:
        # Clips without a still do not count.
        pairs = pair(scuba, scufo)
        moving_pred = scuba.pred[pairs.first]
        still_pred = scufo.pred[pairs.second]
        is_wrong = moving_pred != scuba.labels[pairs.first]
        is_mistake = is_wrong & (moving_pred != ABSTAINED)
        is_like_still.append((moving_pred == still_pred)[is_mistake])

    values = np.concatenate(is_like_still)
    if not len(values):
        return None
    return float(values.mean())


def read_foregrounds(manifest: str | os.PathLike, classes: Sequence[str]) -> dict[str, int]:
    """Reads the class of the foreground pasted into each clip of a Confl-FG manifest.

    Args:
      manifest: path of the manifest. Its column `donor_label` has the classes. Other programs may
        not write this column.
      classes: the K class names.

    Returns:
      Class by clip id. Empty without the column. Clips with a class that the model does not know
      are missing.

    Raises:
      UserError: the file cannot be read.
    """
    number_of = {name: number for number, name in enumerate(classes)}
    foregrounds: dict[str, int] = {}
    for row in read_table(manifest).rows:
        clip = row.get("id")
        name = row.get("donor_label")
        if not clip or not name:
            continue
        # The last row of a clip counts.
        foregrounds.pop(clip, None)
        # Without class names, classes are named by their numbers.
        label = number_of.get(name, number_of.get(str(whole(name))))
        if label is not None:
            foregrounds[clip] = label

    return foregrounds


def share_like_foreground(conflfg: Predictions, foregrounds: Mapping[str, int]) -> float | None:
    """Returns the share of misclassified Confl-FG clips predicted as the pasted foreground.

    A model with random mistakes has 1 / (K - 1). An abstention is no such mistake.

    Args:
      conflfg: the predictions.
      foregrounds: class of the pasted foreground by clip id. Other clips do not count.

    Returns:
      0 to 1; None without a mistake.
    """
    is_like_foreground = []
    for clip, label, pred in zip(
        conflfg.ids, conflfg.labels.tolist(), conflfg.pred.tolist(), strict=True
    ):
        if pred not in (label, ABSTAINED) and clip in foregrounds:
            is_like_foreground.append(pred == foregrounds[clip])

    if not is_like_foreground:
        return None
    return float(np.mean(is_like_foreground))
