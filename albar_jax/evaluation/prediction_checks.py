"""Checks the predictions of a model for one test set."""

import collections
from collections.abc import Mapping

import numpy as np

from albar_jax.errors import UserError

# The predicted class of a clip for which the model gave no answer.
ABSTAINED = -1
# Other programs may round probabilities to four digits. The sum over 400 classes is then off by
# up to this much.
_SUM_TOLERANCE = 0.05


def check_labels(ids: tuple[str, ...], labels: np.ndarray) -> None:
    """Raises UserError if there is no clip, an id is repeated, or a label is impossible."""
    if not ids:
        raise UserError("there is no clip; predictions need at least one row")
    if len(set(ids)) != len(ids):
        ((repeated, _),) = collections.Counter(ids).most_common(1)
        raise UserError(f"id '{repeated}' appears more than once; give every clip its own id")
    if labels.shape != (len(ids),):
        raise UserError(
            f"{len(ids)} ids but labels of shape {labels.shape}; give one label for each clip"
        )
    if (labels < 0).any():
        raise UserError(f"label {labels.min()} is negative; classes count from 0")


def check_probs(
    ids: tuple[str, ...], labels: np.ndarray, probs: np.ndarray, pred: np.ndarray | None
) -> None:
    """Raises UserError if a row is no distribution; the row of an abstention must be NaN."""
    if probs.ndim != 2 or len(probs) != len(ids):
        raise UserError(
            f"{len(ids)} ids but probabilities of shape {probs.shape}; give one row for each clip"
        )

    num_classes = probs.shape[1]
    if labels.max() >= num_classes:
        raise UserError(
            f"label {labels.max()} is outside the {num_classes} classes 0..{num_classes - 1}"
        )

    # NaN fails both comparisons.
    is_valid = (probs >= 0).all(1) & (abs(probs.sum(1) - 1) <= _SUM_TOLERANCE)
    if pred is not None and pred.shape == (len(ids),):
        has_no_answer = pred == ABSTAINED
        is_valid = np.where(has_no_answer, np.isnan(probs).all(1), is_valid)
    if not is_valid.all():
        row = int(np.argmin(is_valid))
        if pred is not None and pred[row] == ABSTAINED:
            raise UserError(
                f"'{ids[row]}' has probabilities but no predicted class; leave out both or neither"
            )
        raise UserError(
            f"the probabilities of '{ids[row]}' are not numbers in 0..1 that sum to 1; write "
            "softmax outputs, not logits"
        )


def check_pred(ids: tuple[str, ...], pred: np.ndarray, probs: np.ndarray | None) -> None:
    """Raises UserError if a class does not exist, or is not the most probable one."""
    if pred.shape != (len(ids),):
        raise UserError(
            f"{len(ids)} ids but predicted classes of shape {pred.shape}; give one for each clip"
        )

    is_outside = pred < ABSTAINED
    if probs is not None:
        is_outside |= pred >= probs.shape[1]
    if is_outside.any():
        row = int(np.argmax(is_outside))
        raise UserError(f"pred {pred[row]} of '{ids[row]}' is not one of the classes")
    if probs is None:
        return

    # Compare probabilities, not classes: rounding makes ties, and each tied class is valid.
    prob_of_pred = np.take_along_axis(probs, np.maximum(pred, 0)[:, None], axis=1)[:, 0]
    # The comparison with the NaN of an abstention is False.
    is_below = prob_of_pred < probs.max(axis=1)
    if is_below.any():
        row = int(np.argmax(is_below))
        raise UserError(
            f"pred {pred[row]} of '{ids[row]}' is not its most probable class, "
            f"{probs[row].argmax()}; correct the column pred or omit it"
        )


def check_left_out(left_out: Mapping[str, int], probs: np.ndarray | None) -> None:
    """Raises UserError if the class of a clip without a prediction does not exist."""
    for clip, label in left_out.items():
        if label < 0 or (probs is not None and label >= probs.shape[1]):
            raise UserError(
                f"label {label} of '{clip}', which is left out, is not one of the classes"
            )
