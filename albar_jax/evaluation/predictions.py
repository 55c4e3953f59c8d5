"""What one model said of every clip of one test set, and its CSV file."""

import csv
import dataclasses
import io
import os
from collections.abc import Sequence

import numpy as np

from albar_jax import files
from albar_jax.errors import UserError

# Probabilities that another program rounded to four digits may miss 1 by this much over 400 classes.
_SUM_TOLERANCE = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """The answers of one model to the clips of one task; row i of every array is clip `ids[i]`.

    Attributes:
      ids: N different clip names. A SCUFO clip carries the id of its SCUBA clip.
      labels: int32 (N,), the true classes.
      probs: float32 (N, K) in 0..1, rows sum to 1; None for audited files that hold only the chosen class,
        for then no metric may pretend to know a probability.
      pred: int32 (N,), the chosen classes. Left out, it is the class of the largest probability (of equals, the first).

    Raises:
      UserError: no clip, repeated ids, labels outside 0..K-1, or rows that are not probabilities.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    probs: np.ndarray | None
    pred: np.ndarray | None = None

    def __post_init__(self):
        self._set("ids", tuple(self.ids))
        self._set("labels", np.asarray(self.labels, np.int32))
        if self.probs is not None:
            self._set("probs", np.asarray(self.probs, np.float32))
        _check_rows(self.ids, self.labels, self.probs)
        if self.pred is None and self.probs is None:
            raise UserError("predictions need the chosen classes or the probabilities; neither was given.")
        self._set("pred", np.asarray(self.probs.argmax(axis=1) if self.pred is None else self.pred, np.int32))
        _check_pred(self.ids, self.pred, self.probs)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the class is frozen

    def __len__(self) -> int:
        return len(self.ids)


def _check_rows(ids: tuple[str, ...], labels: np.ndarray, probs: np.ndarray | None) -> None:
    if not ids:
        raise UserError("there is no clip; predictions need at least one row.")
    if len(set(ids)) != len(ids):
        repeated = next(clip for clip in ids if ids.count(clip) > 1)
        raise UserError(f"id '{repeated}' appears more than once; give every clip its own id.")
    if labels.shape != (len(ids),):
        raise UserError(f"{len(ids)} ids but labels of shape {labels.shape}; give one label for each clip.")
    if (labels < 0).any():
        raise UserError(f"label {labels.min()} is negative; classes count from 0.")
    if probs is None:
        return
    if probs.ndim != 2 or len(probs) != len(ids):
        raise UserError(f"{len(ids)} ids but probabilities of shape {probs.shape}; give one row for each clip.")
    if labels.max() >= probs.shape[1]:
        raise UserError(f"label {labels.max()} is outside the {probs.shape[1]} classes 0..{probs.shape[1] - 1}.")
    # NaN fails both comparisons.
    good = (probs >= 0).all(1) & (abs(probs.sum(1) - 1) <= _SUM_TOLERANCE)
    if not good.all():
        clip = ids[int(np.argmin(good))]
        raise UserError(
            f"the probabilities of '{clip}' are not numbers in 0..1 that sum to 1; write softmax outputs, not logits."
        )


def _check_pred(ids: tuple[str, ...], pred: np.ndarray, probs: np.ndarray | None) -> None:
    if pred.shape != (len(ids),):
        raise UserError(f"{len(ids)} ids but chosen classes of shape {pred.shape}; give one for each clip.")
    outside = (pred < 0) if probs is None else (pred < 0) | (pred >= probs.shape[1])
    if outside.any():
        row = int(np.argmax(outside))
        raise UserError(f"pred {pred[row]} of '{ids[row]}' is not one of the classes.")
    if probs is None:
        return
    # Equal to the largest, not argmax: rounding makes ties, and either choice is then right.
    chosen = np.take_along_axis(probs, pred[:, None], axis=1)[:, 0]
    if (chosen < probs.max(axis=1)).any():
        row = int(np.argmax(chosen < probs.max(axis=1)))
        raise UserError(
            f"pred {pred[row]} of '{ids[row]}' is not its most probable class, {probs[row].argmax()}; "
            "mend the column pred or leave it out."
        )


def write_predictions(path: str | os.PathLike, predictions: Predictions) -> None:
    """Writes `id,label,pred,prob_0..`, atomically; `read_predictions` gives the same numbers back to the bit."""
    columns = 0 if predictions.probs is None else predictions.probs.shape[1]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "label", "pred", *(f"prob_{k}" for k in range(columns))])
    for row, clip in enumerate(predictions.ids):
        # Nine significant digits name every float32 uniquely.
        probs = [f"{p:.9g}" for p in predictions.probs[row].tolist()] if columns else []
        writer.writerow([clip, predictions.labels[row], predictions.pred[row], *probs])
    files.write_text(path, text.getvalue())


def read_predictions(path: str | os.PathLike) -> Predictions:
    """Reads a CSV with the columns `id,label` and `pred`, or `prob_0..prob_K-1`, or both, in any order.

    Raises:
      UserError: the file is missing or malformed; the sentence names the file and, where it can, the line.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file) if line]
    except FileNotFoundError:
        raise UserError(f"There is no predictions file '{os.fspath(path)}'.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"Cannot read '{os.fspath(path)}' as a CSV file: {error}.") from None
    if not lines:
        raise UserError(f"'{os.fspath(path)}' is empty; it needs the header id,label,pred and one line for each clip.")
    try:
        return _parse(lines[0], lines[1:])
    except UserError as error:
        raise UserError(f"In '{os.fspath(path)}', {error}") from None


def _parse(header: Sequence[str], lines: Sequence[Sequence[str]]) -> Predictions:
    header = [name.strip() for name in header]
    prob_names = [name for name in header if name.startswith("prob_")]
    expected = [f"prob_{k}" for k in range(len(prob_names))]
    if not {"id", "label"} <= set(header) or not ({"pred", "prob_0"} & set(header)):
        raise UserError(f"the header is '{','.join(header[:6])}'; it needs id,label and pred or prob_0,prob_1,...")
    if sorted(prob_names) != sorted(expected):
        raise UserError(f"the {len(prob_names)} probability columns are not named prob_0..prob_{len(expected) - 1}.")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise UserError(f"row {number} has {len(line)} fields, but the header has {len(header)}.")
    table = dict(zip(header, zip(*lines, strict=True), strict=True)) if lines else dict.fromkeys(header, ())
    probs = np.stack([_numbers(table, name, np.float32) for name in expected], axis=1) if expected else None
    pred = _numbers(table, "pred", np.int32) if "pred" in table else None
    return Predictions(tuple(map(files.composed, table["id"])), _numbers(table, "label", np.int32), probs, pred)


def _numbers(table: dict[str, tuple[str, ...]], name: str, dtype: type) -> np.ndarray:
    try:
        return np.array(table[name], dtype=str).astype(dtype)
    except (ValueError, OverflowError):
        return np.array([_number(name, row, text, dtype) for row, text in enumerate(table[name], start=2)])


def _number(name: str, row: int, text: str, dtype: type) -> np.generic:
    """Says which field stopped the fast conversion."""
    try:
        return dtype(text)
    except (ValueError, OverflowError):
        kind = "a whole number" if dtype is np.int32 else "a number"
        raise UserError(f"{name} of row {row} is '{text}', which is not {kind}.") from None
