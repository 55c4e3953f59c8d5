"""Reads the predictions of other programs, and compares their videos with the annotations."""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from albar_jax.downstream.base import HeadPredictions
from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.listed_videos import name_videos
from albar_jax.errors import UserError
from albar_jax.features.feature_set import FeatureSet
from albar_jax.wiring.downstream_inputs import read_truth, select_videos, videos_of


@dataclasses.dataclass(frozen=True)
class OtherPredictions:
    """Predictions of another program with the annotations that they are compared with.

    Attributes:
      truth: the annotations of the videos to evaluate.
      predictions: the predictions of these videos.
      notes: sentences about videos that are left out.
    """

    truth: Any
    predictions: HeadPredictions
    notes: tuple[str, ...]


def read(
    head: str,
    scores: str,
    annotations: str,
    *,
    features: str | None,
    frames_per_score: int | None,
    skip_missing: bool,
) -> OtherPredictions:
    """Reads predictions and annotations.

    Args:
      head: name of the head whose task they are of.
      scores: for MGFN a folder of one .npy per video, for TriDet a JSON file of segments.
      annotations: annotations of the videos.
      features: features that state the number of frames of each video; None if there are none.
      frames_per_score: frames that a score of MGFN's task stands for; None for TriDet.
      skip_missing: whether to leave out test videos without predictions, and predictions of other
        videos.

    Raises:
      UserError: a file is missing or damaged, the videos differ and are not skipped, or the numbers
        of scores do not fit the videos.
    """
    kind = HEADS[head]
    truth = read_truth(head, annotations)
    if not Path(scores).exists():
        raise UserError(f"--scores {scores} does not exist")

    predictions = kind.read_predictions(Path(scores), truth)
    tested = [video.id for video in videos_of(truth) if video.split == "test"]
    missing = [name for name in tested if name not in predictions]
    unknown = sorted(set(predictions) - set(tested))
    if not skip_missing:
        _refuse(scores, annotations, missing, unknown)

    kept = {name: predictions[name] for name in tested if name in predictions}
    if kind.with_frames is not None and frames_per_score is not None:
        num_frames = _num_frames(features)
        kept = kind.with_frames(kept, truth, frames_per_score, num_frames)

    notes = []
    if missing:
        notes.append(f"{scores} has no predictions of {name_videos(missing)}, left out here")
    if unknown:
        notes.append(f"{scores} has predictions of {name_videos(unknown)}, left out here")
    left = [video for video in videos_of(truth) if video.id not in set(missing)]
    return OtherPredictions(select_videos(truth, left), kept, tuple(notes))


def _refuse(
    scores: str, annotations: str, missing: Collection[str], unknown: Collection[str]
) -> None:
    """Raises UserError if test videos and predicted videos differ."""
    if missing:
        raise UserError(
            f"{scores} lacks the predictions of {name_videos(list(missing))} of the test split of "
            f"{annotations}; add them, or leave the videos out with --skip-missing"
        )
    if unknown:
        raise UserError(
            f"{scores} has predictions of {name_videos(list(unknown))} that {annotations} does not "
            "list as test videos; remove them, or leave them out with --skip-missing"
        )


def _num_frames(features: str | None) -> Mapping[str, int]:
    if features is None:
        return {}

    return {name: video.num_frames for name, video in FeatureSet(features).videos.items()}
