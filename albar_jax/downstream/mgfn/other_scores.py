"""Reads the anomaly scores of other programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from albar_jax.data import arrays
from albar_jax.downstream.base import HeadPredictions
from albar_jax.downstream.mgfn.evaluation import REPEATS, SCORES
from albar_jax.errors import UserError
from albar_jax.features.anomaly import FRAMES_PER_ROW, AnomalyVideo
from albar_jax.storage import access
from albar_jax.storage.inside import joined, parts_of


def read_predictions(folder: Path, videos: Sequence[AnomalyVideo]) -> HeadPredictions:
    """Reads "scores" of each test video that has a file `<id>.npy`; see `with_frames`.

    Args:
      folder: folder of the files.
      videos: annotated videos.

    Raises:
      UserError: `folder` is no folder, or a file is damaged, or is not a list of finite numbers.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give the folder of one .npy file for each video")

    scores = {}
    for video in videos:
        path = joined(folder, *parts_of(f"{video.id}.npy"))
        if video.split == "test" and access.exists(path):
            scores[video.id] = {SCORES: _read(path)}

    return scores


def with_frames(
    predictions: HeadPredictions,
    videos: Sequence[AnomalyVideo],
    frames_per_score: int,
    num_frames: Mapping[str, int],
) -> HeadPredictions:
    """Adds the number of frames that each score stands for. Scores are never stretched.

    Args:
      predictions: "scores" of videos.
      videos: annotated videos.
      frames_per_score: frames of a score.
      num_frames: number of frames of a video by its id, as far as known. The last row of frames
        may have no score, or be incomplete.

    Raises:
      UserError: a video has another number of scores than its frames need. If its frames are not
        known, an event begins after its last score.
    """
    repeats = np.array(frames_per_score, np.int32)
    result = {}
    for video in videos:
        if video.id in predictions:
            scores = predictions[video.id][SCORES]
            _check_length(video, len(scores), frames_per_score, num_frames.get(video.id))
            result[video.id] = {SCORES: scores, REPEATS: repeats}

    return result


def _check_length(
    video: AnomalyVideo, count: int, frames_per_score: int, num_frames: int | None
) -> None:
    scored = count * frames_per_score
    stated = f"{video.id} has {count} scores of {frames_per_score} frames, so of {scored} frames"
    remedy = "correct --frames-per-score, or write the scores of all frames"
    # Public features leave out the last frames of a video, others fill the last row. Scores of
    # frames that are made of rows do the same.
    tolerance = max(frames_per_score, FRAMES_PER_ROW)
    if num_frames is not None:
        if abs(scored - num_frames) >= tolerance:
            raise UserError(f"{stated}, but the video has {num_frames}; {remedy}")
        return

    for start, end in video.events:
        if start > scored:
            raise UserError(f"{stated}, but it has an event from {start} to {end}; {remedy}")


def _read(path: Path) -> Float[np.ndarray, " t"]:
    try:
        with access.StoredFile(path) as file:
            scores = arrays.read_npy(file, path.name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"the scores {path} cannot be read ({reason}); write the file again"
        ) from error

    # (T, 1) is a list, too.
    shape = scores.shape
    if len(shape) == 2 and shape[1] == 1:
        scores = scores[:, 0]
    if scores.ndim != 1 or not len(scores) or scores.dtype.kind not in "fiu":
        raise UserError(
            f"{path} has the shape {shape} of {scores.dtype}; write one number for each row or "
            "frame"
        )

    # A number beyond the range of float32 becomes infinite.
    with np.errstate(over="ignore"):
        scores = scores.astype(np.float32)
    if not np.isfinite(scores).all():
        raise UserError(f"{path} has a score that is not finite; write finite scores")
    return scores
