"""What one model said of every clip of one test set, and its CSV file."""

import collections
import dataclasses
import os
from collections.abc import Mapping

import numpy as np

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import Table, read_table, whole, write_table

# Probabilities that another program rounded to four digits may miss 1 by this much over 400 classes.
_SUM_TOLERANCE = 0.05
# Maximum length of a probability, in characters; float128 needs fewer.
_LONGEST_NUMBER = 100


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of one model to the clips of one task; row i of every array is clip `ids[i]`.

    Attributes:
      ids: N different clip names. A SCUFO clip carries the id of its SCUBA clip.
      labels: int32 (N,), the true classes.
      probs: float32 (N, K) in 0..1, rows sum to 1; None for audited files that hold only the chosen class,
        for then no metric may pretend to know a probability.
      pred: int32 (N,), the chosen classes. Left out, it is the class of the largest probability (of equals, the first).
      left_out: ids and classes of clips of the test set without a prediction, such as unreadable
        clips.

    Raises:
      UserError: no clip, repeated ids, labels outside 0..K-1, or rows that are not probabilities.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    probs: np.ndarray | None
    pred: np.ndarray | None = None
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self._set("ids", tuple(self.ids))
        self._set("labels", np.asarray(self.labels, np.int32))
        if self.probs is not None:
            self._set("probs", np.asarray(self.probs, np.float32))
        _check_rows(self.ids, self.labels, self.probs)
        if self.pred is None and self.probs is None:
            raise UserError(
                "predictions need the chosen classes or the probabilities; neither was given"
            )
        self._set(
            "pred",
            np.asarray(self.probs.argmax(axis=1) if self.pred is None else self.pred, np.int32),
        )
        _check_pred(self.ids, self.pred, self.probs)
        _check_left_out(self.left_out, self.probs)

    def within(self, clips: Mapping[str, int]) -> "Predictions":
        """Returns these predictions with further test clips (id -> class) as left out."""
        answered = set(self.ids)
        more = {clip: label for clip, label in clips.items() if clip not in answered}
        return dataclasses.replace(self, left_out={**self.left_out, **more})

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the class is frozen

    def __len__(self) -> int:
        return len(self.ids)


def _check_rows(ids: tuple[str, ...], labels: np.ndarray, probs: np.ndarray | None) -> None:
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
    if probs is None:
        return
    if probs.ndim != 2 or len(probs) != len(ids):
        raise UserError(
            f"{len(ids)} ids but probabilities of shape {probs.shape}; give one row for each clip"
        )
    if labels.max() >= probs.shape[1]:
        raise UserError(
            f"label {labels.max()} is outside the {probs.shape[1]} classes 0..{probs.shape[1] - 1}"
        )
    # NaN fails both comparisons.
    good = (probs >= 0).all(1) & (abs(probs.sum(1) - 1) <= _SUM_TOLERANCE)
    if not good.all():
        clip = ids[int(np.argmin(good))]
        raise UserError(
            f"the probabilities of '{clip}' are not numbers in 0..1 that sum to 1; write softmax outputs, not logits"
        )


def _check_pred(ids: tuple[str, ...], pred: np.ndarray, probs: np.ndarray | None) -> None:
    if pred.shape != (len(ids),):
        raise UserError(
            f"{len(ids)} ids but chosen classes of shape {pred.shape}; give one for each clip"
        )
    outside = (pred < 0) if probs is None else (pred < 0) | (pred >= probs.shape[1])
    if outside.any():
        row = int(np.argmax(outside))
        raise UserError(f"pred {pred[row]} of '{ids[row]}' is not one of the classes")
    if probs is None:
        return
    # Equal to the largest, not argmax: rounding makes ties, and either choice is then right.
    chosen = np.take_along_axis(probs, pred[:, None], axis=1)[:, 0]
    if (chosen < probs.max(axis=1)).any():
        row = int(np.argmax(chosen < probs.max(axis=1)))
        raise UserError(
            f"pred {pred[row]} of '{ids[row]}' is not its most probable class, {probs[row].argmax()}; "
            "mend the column pred or leave it out"
        )


def _check_left_out(left_out: Mapping[str, int], probs: np.ndarray | None) -> None:
    for clip, label in left_out.items():
        if label < 0 or (probs is not None and label >= probs.shape[1]):
            raise UserError(
                f"label {label} of '{clip}', which is left out, is not one of the classes"
            )


def write_predictions(path: str | os.PathLike, predictions: Predictions) -> None:
    """Writes `id,label,pred,prob_0..`, atomically; `read_predictions` gives the same numbers back to the bit."""
    count = 0 if predictions.probs is None else predictions.probs.shape[1]

    def rows():
        for row, clip in enumerate(predictions.ids):
            # Nine significant digits identify every float32.
            probs = [f"{p:.9g}" for p in predictions.probs[row].tolist()] if count else []
            yield [clip, predictions.labels[row], predictions.pred[row], *probs]

    write_table(path, ["id", "label", "pred", *(f"prob_{k}" for k in range(count))], rows())


def read_predictions(path: str | os.PathLike) -> Predictions:
    """Reads a CSV with the columns `id,label` and `pred`, or `prob_0..prob_K-1`, or both, in any order.

    Raises:
      UserError: the file is missing or malformed; the sentence names the file and, where it can, the line.
    """
    table = read_table(
        path, ("id", "label"), expects="id,label and pred or prob_0,prob_1,...", strip=False
    )
    probs = sum(name.startswith("prob_") for name in table.columns)
    missing = [f"prob_{k}" for k in range(probs) if f"prob_{k}" not in table.columns]
    try:
        if not ({"pred", "prob_0"} & set(table.columns)):
            raise UserError(
                "the header lacks predictions; it needs id,label and pred or prob_0,prob_1,..."
            )
        if missing:
            raise UserError(
                f"the {probs} probability columns are not named prob_0..prob_{probs - 1}; rename them"
            )
        return Predictions(
            tuple(map(composed, table.column("id"))),
            _whole_numbers(table, "label"),
            np.stack([_probs(table, f"prob_{k}") for k in range(probs)], axis=1) if probs else None,
            _whole_numbers(table, "pred") if "pred" in table.columns else None,
        )
    except UserError as error:
        raise UserError(f"In '{os.fspath(path)}', {error}") from None


def _whole_numbers(table: Table, name: str) -> np.ndarray:
    fields = table.column(name)
    number_of = {text: whole(text) for text in set(fields)}
    for text, number in number_of.items():
        if number is None or not abs(number) < 1 << 31:
            line = table.lines[fields.index(text)]
            raise UserError(
                f"{name} of line {line} is '{text[:50]}', which is not a whole number; give a class number"
            )
    return np.array([number_of[text] for text in fields], np.int32)


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
            f"{name} of line {table.lines[row]} is '{fields[row][:50]}', which is not a number; give a probability"
        ) from None


def _is_number(text: str) -> bool:
    if len(text) > _LONGEST_NUMBER:
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
