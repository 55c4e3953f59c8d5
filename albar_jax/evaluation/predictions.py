"""Holds the predictions of one model for one test set, and reads and writes their CSV file."""

import collections
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import Table, read_table, whole, write_table

# Other programs may round probabilities to four digits. The sum over 400 classes is then off by
# up to this much.
_SUM_TOLERANCE = 0.05
# Maximum length of a probability, in characters; float128 needs fewer.
_LONGEST_NUMBER = 100
_EXPECTED_COLUMNS = "id,label and pred or prob_0,prob_1,..."


@dataclasses.dataclass(frozen=True, eq=False, init=False)
class Predictions:
    """The predictions of one model for the clips of one task; row i of each array is `ids[i]`.

    Attributes:
      ids: N different clip ids. A SCUFO clip has the id of its SCUBA clip.
      labels: int32 (N,), true classes.
      probs: float32 (N, K), 0 to 1, rows sum to 1. None if only the predicted classes are known.
      pred: int32 (N,), predicted classes. By default the most probable class; the first if
        several are equal.
      left_out: class of each clip of the test set without a prediction, by id. An unreadable
        clip has none.

    Raises:
      UserError: there is no clip, an id is repeated, a label is outside 0..K-1, or a row of `probs`
        is not a distribution.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    probs: np.ndarray | None
    pred: np.ndarray
    left_out: Mapping[str, int]

    def __init__(
        self,
        ids: Sequence[str],
        labels: ArrayLike,
        probs: ArrayLike | None,
        pred: ArrayLike | None = None,
        left_out: Mapping[str, int] | None = None,
    ):
        self._set("ids", tuple(ids))
        self._set("labels", np.asarray(labels, np.int32))
        self._set("probs", None if probs is None else np.asarray(probs, np.float32))
        self._set("left_out", {} if left_out is None else left_out)
        # `argmax` below needs valid probabilities.
        _check_labels(self.ids, self.labels)
        if self.probs is not None:
            _check_probs(self.ids, self.labels, self.probs)

        if pred is None:
            if self.probs is None:
                raise UserError(
                    "predictions need the predicted classes or the probabilities; neither was given"
                )
            pred = self.probs.argmax(axis=1)
        self._set("pred", np.asarray(pred, np.int32))
        _check_pred(self.ids, self.pred, self.probs)
        _check_left_out(self.left_out, self.probs)

    def with_left_out(self, clips: Mapping[str, int]) -> "Predictions":
        """Returns a copy in which all `clips` (id -> class) without a prediction are left out."""
        predicted = set(self.ids)
        left_out = dict(self.left_out)
        for clip, label in clips.items():
            if clip not in predicted:
                left_out[clip] = label

        return dataclasses.replace(self, left_out=left_out)

    def _set(self, name: str, value: object) -> None:
        # The class is frozen.
        object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.ids)


def _check_labels(ids: tuple[str, ...], labels: np.ndarray) -> None:
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


def _check_probs(ids: tuple[str, ...], labels: np.ndarray, probs: np.ndarray) -> None:
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
    is_distribution = (probs >= 0).all(1) & (abs(probs.sum(1) - 1) <= _SUM_TOLERANCE)
    if not is_distribution.all():
        clip = ids[int(np.argmin(is_distribution))]
        raise UserError(
            f"the probabilities of '{clip}' are not numbers in 0..1 that sum to 1; write softmax "
            "outputs, not logits"
        )


def _check_pred(ids: tuple[str, ...], pred: np.ndarray, probs: np.ndarray | None) -> None:
    if pred.shape != (len(ids),):
        raise UserError(
            f"{len(ids)} ids but predicted classes of shape {pred.shape}; give one for each clip"
        )

    is_outside = pred < 0
    if probs is not None:
        is_outside |= pred >= probs.shape[1]
    if is_outside.any():
        row = int(np.argmax(is_outside))
        raise UserError(f"pred {pred[row]} of '{ids[row]}' is not one of the classes")
    if probs is None:
        return

    # Compare probabilities, not classes: rounding makes ties, and each tied class is valid.
    prob_of_pred = np.take_along_axis(probs, pred[:, None], axis=1)[:, 0]
    is_below = prob_of_pred < probs.max(axis=1)
    if is_below.any():
        row = int(np.argmax(is_below))
        raise UserError(
            f"pred {pred[row]} of '{ids[row]}' is not its most probable class, "
            f"{probs[row].argmax()}; correct the column pred or omit it"
        )


def _check_left_out(left_out: Mapping[str, int], probs: np.ndarray | None) -> None:
    for clip, label in left_out.items():
        if label < 0 or (probs is not None and label >= probs.shape[1]):
            raise UserError(
                f"label {label} of '{clip}', which is left out, is not one of the classes"
            )


def write_predictions(path: str | os.PathLike, predictions: Predictions) -> None:
    """Writes the columns `id,label,pred,prob_0..`, atomically.

    `read_predictions` returns bit-identical numbers.
    """
    header = ["id", "label", "pred"]
    if predictions.probs is not None:
        header += _prob_columns(predictions.probs.shape[1])
    write_table(path, header, _csv_rows(predictions))


def _prob_columns(num_classes: int) -> list[str]:
    return [f"prob_{k}" for k in range(num_classes)]


def _csv_rows(predictions: Predictions) -> Iterator[list]:
    for row, clip in enumerate(predictions.ids):
        fields = [clip, predictions.labels[row], predictions.pred[row]]
        if predictions.probs is not None:
            # Nine significant digits identify every float32.
            fields += [f"{prob:.9g}" for prob in predictions.probs[row].tolist()]
        yield fields


def read_predictions(path: str | os.PathLike) -> Predictions:
    """Reads a CSV file with the columns `id,label` and `pred`, `prob_0..prob_K-1` or both.

    The columns may be in any order.

    Raises:
      UserError: the file is missing or malformed. The message names the file and, if possible, the
        line.
    """
    # Ids are kept as they are, with spaces.
    table = read_table(path, ("id", "label"), expects=_EXPECTED_COLUMNS, strip=False)
    try:
        return _parse(table)
    except UserError as error:
        raise UserError(f"in '{os.fspath(path)}', {error}") from None


def _parse(table: Table) -> Predictions:
    if not ({"pred", "prob_0"} & set(table.columns)):
        raise UserError(f"the header lacks predictions; it needs {_EXPECTED_COLUMNS}")

    ids = tuple(map(composed, table.column("id")))
    labels = _whole_numbers(table, "label")
    probs = _all_probs(table)
    pred = None
    if "pred" in table.columns:
        pred = _whole_numbers(table, "pred")
    return Predictions(ids, labels, probs, pred)


def _all_probs(table: Table) -> np.ndarray | None:
    """Returns the columns `prob_0..prob_K-1`, float32 (N, K); None if there are none."""
    num_classes = sum(name.startswith("prob_") for name in table.columns)
    names = _prob_columns(num_classes)
    if not set(names) <= set(table.columns):
        raise UserError(
            f"the {num_classes} probability columns are not named prob_0..prob_{num_classes - 1}; "
            "rename them"
        )
    # Without probabilities, the file has only predicted classes.
    if not names:
        return None

    return np.stack([_probs(table, name) for name in names], axis=1)


def _whole_numbers(table: Table, name: str) -> np.ndarray:
    # Class numbers repeat, so each different text is parsed once.
    fields = table.column(name)
    number_of = {text: whole(text) for text in set(fields)}
    for text, number in number_of.items():
        if number is None or not abs(number) < 1 << 31:
            line = table.lines[fields.index(text)]
            raise UserError(
                f"{name} of line {line} is '{text[:50]}', which is not a whole number; give a "
                "class number"
            )
    return np.array(list(map(number_of.get, fields)), np.int32)


def _probs(table: Table, name: str) -> np.ndarray:
    fields = table.column(name)
    try:
        # numpy allocates the length of the longest field for all fields.
        if max(map(len, fields), default=0) > _LONGEST_NUMBER:
            raise ValueError
        # Numbers that are too large for float32 become infinite and are refused later.
        with np.errstate(over="ignore"):
            return np.array(fields, dtype=str).astype(np.float32)
    except ValueError:
        row = next(row for row, text in enumerate(fields) if not _is_number(text))
        raise UserError(
            f"{name} of line {table.lines[row]} is '{fields[row][:50]}', which is not a number; "
            "give a probability"
        ) from None


def _is_number(text: str) -> bool:
    if len(text) > _LONGEST_NUMBER:
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
