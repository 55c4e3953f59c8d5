"""Evaluates predicted segments of this head or of other programs."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.downstream.base import Evaluation, HeadPredictions
from albar_jax.downstream.metrics_detection import mean_average_precision
from albar_jax.errors import UserError
from albar_jax.features.segments import WRONG_VIDEOS, SegmentTruth
from albar_jax.files import composed
from albar_jax.storage import json_files

# OpenTAD leaves out this video, whose annotations are wrong.
LEFT_OUT = WRONG_VIDEOS[0]


def evaluate(
    truth: SegmentTruth, predictions: HeadPredictions, *, published_numbering: bool = False
) -> Evaluation:
    """Returns the mean average precision on the test videos, in percent.

    Args:
      truth: the annotated segments.
      predictions: the predicted segments in seconds.
      published_numbering: whether predictions of classes that the truth lacks may count for other
        classes, as in the published program, instead of being dropped; see
        `mean_average_precision`.

    Returns:
      "map", the mean over the thresholds 0.3 to 0.7 of the temporal IoU; "map_0.3" to "map_0.7";
      and "map_211", the mean without `LEFT_OUT`, if the truth has this video.
    """
    compare = functools.partial(mean_average_precision, published_numbering=published_numbering)
    result = compare(truth, predictions)
    figures = {"map": _percent(result.average)}
    for threshold, mean in zip(result.thresholds, result.means, strict=True):
        figures[f"map_{threshold}"] = _percent(mean)

    notes = [f"the mAP is undefined: {result.reason}"] if result.reason else []
    if any(video.id == LEFT_OUT for video in truth.of_split("test")):
        # Without its truth, its predictions would all be false.
        others = {name: found for name, found in predictions.items() if name != LEFT_OUT}
        without = compare(truth.without([LEFT_OUT]), others)
        figures["map_211"] = _percent(without.average)
        if without.reason:
            notes.append(f"the mAP without {LEFT_OUT} is undefined: {without.reason}")

    return Evaluation(figures, predictions, tuple(notes))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def read_predictions(path: Path, truth: SegmentTruth) -> HeadPredictions:
    """Reads the segments that another program predicted.

    Args:
      path: JSON of ActivityNet, {"results": {ID: [{"segment": [START, END], "label": NAME or
        NUMBER, "score": SCORE}, ...]}}, in seconds. The keys of TriDet's own pickle, "video-id",
        "t-start", "t-end", "label" and "score", each a list, are read as well if saved as JSON.
      truth: the annotated segments, which name the classes.

    Raises:
      UserError: the file has another form, a label is unknown, or a number is not finite.
    """
    remedy = '; give a JSON file with {"results": {ID: [SEGMENT, ...]}}'
    content = json_files.read_object(path, remedy=remedy)
    rows = content.get("results")
    if not isinstance(rows, dict):
        rows = _by_video(content, path)

    predictions = {}
    for name, entries in rows.items():
        where = f"{path}: video {name!r}"
        if not isinstance(entries, list):
            raise UserError(f"{where} is no list of segments; see the documentation of TriDet")
        predictions[composed(name)] = _arrays(entries, truth.classes, where)

    return predictions


def _by_video(content: Mapping[str, Any], path: Path) -> dict[str, list]:
    """Groups the columns of TriDet's results by video."""
    keys = ("video-id", "t-start", "t-end", "label", "score")
    columns = [content.get(key) for key in keys]
    is_table = all(isinstance(column, list) for column in columns)
    if not is_table or len({len(column) for column in columns if column is not None}) != 1:
        raise UserError(
            f'{path} holds no predictions: it needs the object "results", or the lists '
            f"{', '.join(keys)} of one length"
        )

    # One list of segments for each video, as in ActivityNet's form.
    rows: dict[str, list] = {}
    for name, start, end, label, score in zip(*columns, strict=True):  # pyright: ignore
        entry = {"segment": [start, end], "label": label, "score": score}
        rows.setdefault(str(name), []).append(entry)
    return rows


def _arrays(entries: Sequence[Any], classes: Sequence[str], where: str) -> dict[str, np.ndarray]:
    """Returns the segments of one video as arrays."""
    numbers = {name: number for number, name in enumerate(classes)}
    segments, scores, labels = [], [], []
    for entry in entries:
        try:
            start, end = entry["segment"]
            segments.append((float(start), float(end)))
            scores.append(float(entry["score"]))
            label = entry["label"]
        except (KeyError, TypeError, ValueError, OverflowError):
            raise UserError(
                f"{where} has the segment {entry!r}; it needs segment [start, end], label and score"
            ) from None
        labels.append(numbers.get(label, label) if isinstance(label, str) else label)

    # `type` instead of `isinstance`, because True is a number in Python.
    for label in labels:
        if type(label) is not int or not 0 <= label < len(classes):
            raise UserError(
                f"{where} has the label {label!r}, which is neither a class name nor a number from "
                f"0 to {len(classes) - 1}"
            )

    arrays = {
        "segments": np.array(segments, np.float32).reshape(-1, 2),
        "scores": np.array(scores, np.float32),
        "labels": np.array(labels, np.int32),
    }
    if not np.isfinite(arrays["segments"]).all() or not np.isfinite(arrays["scores"]).all():
        raise UserError(f"{where} has a time or a score that is not finite; predict it again")
    is_reversed = arrays["segments"][:, 0] > arrays["segments"][:, 1]
    if is_reversed.any():
        start, end = arrays["segments"][is_reversed][0]
        raise UserError(
            f"{where} has a segment from {start:g} s to {end:g} s, which ends before it starts; "
            "predict it again"
        )
    return arrays
