"""Where mistakes come from: what was said of a still, or the foreground that was pasted in."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax.evaluation.pairing import pair
from albar_jax.evaluation.predictions import Predictions
from albar_jax.storage.csv_files import read_table, whole


def of_the_still(pairs_of_sets: Sequence[tuple[Predictions, Predictions]]) -> float | None:
    """Of the SCUBA clips named wrong, the share that got the very answer that their still got, in 0..1.

    Such a mistake is made from looks alone. The mistakes on all backgrounds count together; None without a mistake.
    """
    same = []
    for scuba, scufo in pairs_of_sets:
        pairs = pair(scuba, scufo)
        moving, static = scuba.pred[pairs.first], scufo.pred[pairs.second]
        same.append((moving == static)[moving != scuba.labels[pairs.first]])
    values = np.concatenate(same)
    return float(values.mean()) if len(values) else None


def read_foregrounds(manifest: str | os.PathLike, classes: Sequence[str]) -> dict[str, int]:
    """The class of the foreground pasted into each clip, by id, from the column donor_label of a Confl-FG manifest.

    Empty if there is no such column: not every set of clips records what was pasted. A class that the model does not
    know is left out, too. Raises UserError if the file cannot be read.
    """
    number = {name: label for label, name in enumerate(classes)}
    rows = read_table(manifest).rows
    pasted = {
        row["id"]: row["donor_label"] for row in rows if row.get("id") and row.get("donor_label")
    }
    labels = {clip: number.get(name, number.get(str(whole(name)))) for clip, name in pasted.items()}
    return {clip: label for clip, label in labels.items() if label is not None}


def of_the_foreground(conflfg: Predictions, foregrounds: Mapping[str, int]) -> float | None:
    """Of the Confl-FG clips named wrong, the share named after the motionless foreground pasted into them, in 0..1.

    `foregrounds` gives, by id, the class of the video that the foreground was taken from; clips that it lacks do not
    count. None without such a mistake. A model that errs at random has 1 / (K - 1).
    """
    answers = zip(conflfg.ids, conflfg.labels.tolist(), conflfg.pred.tolist(), strict=True)
    drawn = [
        pred == foregrounds[clip]
        for clip, label, pred in answers
        if pred != label and clip in foregrounds
    ]
    return float(np.mean(drawn)) if drawn else None
