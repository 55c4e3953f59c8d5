"""Reads the anomaly scores of other programs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from albar_jax.data import arrays
from albar_jax.downstream.base import Predictions
from albar_jax.downstream.mgfn.evaluation import REPEATS, SCORES, listed
from albar_jax.errors import UserError
from albar_jax.features.anomaly import FRAMES_PER_ROW, AnomalyVideo
from albar_jax.storage import access
from albar_jax.storage.inside import joined, parts_of


def read_predictions(folder: Path, videos: Sequence[AnomalyVideo]) -> Predictions:
    """Reads `<id>.npy` of each test video: one score per 16 frames, or one per frame.

    A score per frame is assumed if the events of all videos are within their scores. Otherwise
    each score stands for 16 frames.

    Args:
      folder: folder of the files.
      videos: annotated videos.

    Raises:
      UserError: a file is missing or damaged, or is not a list of finite numbers.
    """
    paths = {}
    for video in videos:
        if video.split == "test":
            paths[video.id] = joined(folder, *parts_of(f"{video.id}.npy"))
    missing = [path.name for path in paths.values() if not access.exists(path)]
    if missing:
        raise UserError(
            f"{folder} lacks the scores of test videos: {listed(missing)}; write one .npy file for "
            "each of them"
        )
    scores = {name: _read(path) for name, path in paths.items()}

    # Rows of 16 frames leave out the last frames of a video.
    per_frame = True
    for video in videos:
        for _, end in video.events:
            if video.id in scores and end > len(scores[video.id]) + FRAMES_PER_ROW:
                per_frame = False

    repeats = np.array(1 if per_frame else FRAMES_PER_ROW, np.int32)
    return {name: {SCORES: values, REPEATS: repeats} for name, values in scores.items()}


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
    scores = scores.reshape(-1) if scores.size == len(scores) else scores
    if scores.ndim != 1 or not len(scores) or scores.dtype.kind not in "fiu":
        raise UserError(
            f"{path} has the shape {scores.shape} of {scores.dtype}; write one number for each row "
            "or frame"
        )
    if not np.isfinite(scores).all():
        raise UserError(f"{path} has a score that is not finite; write finite scores")
    return scores.astype(np.float32)
