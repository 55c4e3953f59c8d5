"""Holds the predictions of one model for one test set, and reads and writes their CSV file."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from albar_jax.errors import UserError
from albar_jax.evaluation import prediction_checks
from albar_jax.evaluation.prediction_checks import ABSTAINED
from albar_jax.files import composed
from albar_jax.storage.csv_files import Table, read_table, whole, write_table

# Maximum length of a probability, in characters; float128 needs fewer.
_LONGEST_NUMBER = 100
_EXPECTED_COLUMNS = "id,label and pred or prob_0,prob_1,..."

__all__ = ["ABSTAINED", "Predictions", "read_predictions", "write_predictions"]


@dataclasses.dataclass(frozen=True, eq=False, init=False)
class Predictions:
    """The predictions of one model for the clips of one task; row i of each array is `ids[i]`.

    Attributes:
      ids: N different clip ids. A SCUFO clip has the id of its SCUBA clip.
      labels: int32 (N,), true classes.
      probs: float32 (N, K), 0 to 1, rows sum to 1; NaN in the row of an abstention. None if only
        the predicted classes are known.
      pred: int32 (N,), predicted classes. By default the most probable class; the first if
        several are equal. `ABSTAINED` (-1) if the model gave no answer: it counts as wrong, and
        means of probabilities leave the clip out. An abstention must be given here; NaN
        probabilities without it are refused.
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
        prediction_checks.check_labels(self.ids, self.labels)
        if pred is None and self.probs is None:
            raise UserError(
                "predictions need the predicted classes or the probabilities; neither was given"
            )

        # `argmax` below needs valid probabilities.
        given = None if pred is None else np.asarray(pred, np.int32)
        if self.probs is not None:
            prediction_checks.check_probs(self.ids, self.labels, self.probs, given)
            given = self.probs.argmax(axis=1).astype(np.int32) if given is None else given
        self._set("pred", given)
        prediction_checks.check_pred(self.ids, self.pred, self.probs)
        prediction_checks.check_left_out(self.left_out, self.probs)

    @property
    def abstained(self) -> np.ndarray:
        """Clips for which the model gave no answer, bool (N,)."""
        return self.pred == ABSTAINED

    def num_choices(self) -> int:
        """Returns the number of classes that the model chose from, 1 to K.

        These are the classes with a clip, and those with a probability above 0 for some clip. A
        model that is asked about a subset of the classes gives 0 to the others. Needs
        probabilities.
        """
        if self.probs is None:
            raise ValueError("there are no probabilities")
        # The comparison with the NaN of an abstention is False.
        is_chosen = np.asarray((self.probs > 0).any(axis=0))
        is_chosen[self.labels] = True
        return int(is_chosen.sum())

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


def write_predictions(path: str | os.PathLike, predictions: Predictions) -> None:
    """Writes the columns `id,label,pred,prob_0..`, atomically.

    `pred` and the probabilities of an abstention are empty. `read_predictions` returns
    bit-identical numbers.
    """
    header = ["id", "label", "pred"]
    if predictions.probs is not None:
        header += _prob_columns(predictions.probs.shape[1])
    write_table(path, header, _csv_rows(predictions))


def _prob_columns(num_classes: int) -> list[str]:
    return [f"prob_{k}" for k in range(num_classes)]


def _csv_rows(predictions: Predictions) -> Iterator[list]:
    num_probs = 0 if predictions.probs is None else predictions.probs.shape[1]
    for row, clip in enumerate(predictions.ids):
        fields = [clip, predictions.labels[row], predictions.pred[row]]
        if predictions.pred[row] == ABSTAINED:
            fields = [clip, predictions.labels[row], *[""] * (1 + num_probs)]
        elif predictions.probs is not None:
            # Nine significant digits identify every float32.
            fields += [f"{prob:.9g}" for prob in predictions.probs[row].tolist()]
        yield fields


def read_predictions(path: str | os.PathLike) -> Predictions:
    """Reads a CSV file with the columns `id,label` and `pred`, `prob_0..prob_K-1` or both.

    The columns may be in any order. A row with no prediction at all, neither a class nor a
    probability, is an abstention.

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

    answered = _answered_rows(table)
    with_answers = table.take(answered)
    probs_of_answers = _all_probs(with_answers)
    pred_of_answers = np.zeros(0, np.int32)
    if "pred" in table.columns:
        pred_of_answers = _whole_numbers(with_answers, "pred")
        _check_no_negative(with_answers, pred_of_answers)
    elif probs_of_answers is not None:
        # Impossible probabilities are refused later.
        pred_of_answers = probs_of_answers.argmax(axis=1)

    pred = np.full(len(table), ABSTAINED, np.int32)
    pred[answered] = pred_of_answers
    probs = None
    if probs_of_answers is not None:
        probs = np.full((len(table), probs_of_answers.shape[1]), np.nan, np.float32)
        probs[answered] = probs_of_answers

    ids = tuple(map(composed, table.column("id")))
    return Predictions(ids, _whole_numbers(table, "label"), probs, pred)


def _answered_rows(table: Table) -> list[int]:
    """Returns the rows with a class or a probability."""
    places = []
    for place, name in enumerate(table.columns):
        if name == "pred" or name.startswith("prob_"):
            places.append(place)

    # Most rows have the first field, and a large table has millions of fields.
    answered = []
    for row, fields in enumerate(table.records):
        if fields[places[0]].strip() or any(fields[place].strip() for place in places):
            answered.append(row)
    return answered


def _check_no_negative(table: Table, pred: np.ndarray) -> None:
    if (pred < 0).any():
        row = int(np.argmax(pred < 0))
        raise UserError(
            f"pred {pred[row]} of '{table.column('id')[row]}' is not one of the classes; leave it "
            "empty if there is no answer"
        )


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
