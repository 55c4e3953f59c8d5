"""The training and test videos of TriDet, checked before any work is done."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from albar_jax.downstream.listed_videos import check_test_videos, left_out_note, name_videos
from albar_jax.downstream.tridet import grid
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.grid import Grid
from albar_jax.errors import UserError
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.segments import LabelledSegments, SegmentTruth

# Frame rates that differ by more than this fraction are reported.
_SAME_FPS = 0.01


class Sample(NamedTuple):
    """A training sample.

    Attributes:
      rows: features of the cut.
      segments: starts and ends in steps of the cut.
      labels: class numbers.
    """

    rows: Float[np.ndarray, "t c"]
    segments: Float[np.ndarray, "n 2"]
    labels: Int[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True, eq=False)
class TridetVideos:
    """The videos of a data set that have features.

    Attributes:
      features: their features, of one crop.
      grid: place of the rows in a video.
      train: training videos, without segments that begin after the video.
      test: test videos.
      notes: sentences for the user about missing videos and unusual segments.
    """

    features: FeatureSet
    grid: Grid
    train: tuple[LabelledSegments, ...]
    test: tuple[LabelledSegments, ...]
    notes: tuple[str, ...]

    def rows(self, video: LabelledSegments) -> Float[np.ndarray, "t c"]:
        """Reads the features of a video."""
        return self.features.read(video.id)[:, 0]

    def sample(
        self, video: LabelledSegments, config: TridetConfig, generator: np.random.Generator
    ) -> Sample:
        """Draws the training cut of a video."""
        rows = self.rows(video)
        segments = self.grid.steps(video.segments, video.fps)
        place, clipped, is_kept = grid.random_cut(len(rows), segments, config, generator)
        return Sample(rows[place], clipped[is_kept], video.labels[is_kept])


def collect(
    features: FeatureSet, truth: SegmentTruth, config: TridetConfig, *, for_training: bool = True
) -> TridetVideos:
    """Returns the videos for training and test.

    Training videos without features are left out and counted. Of test videos without features, the
    original would still count the segments, so they are refused.

    Args:
      features: features of all videos, of one crop.
      truth: the annotated segments.
      config: recipe.
      for_training: whether a training needs a batch of training videos.

    Raises:
      UserError: features have several crops, there are no test videos, one of them has no features
        or too many rows, a frame rate or a label is invalid, or there are not enough training
        videos.
    """
    if features.info.crops != 1:
        raise UserError(
            f"{features.folder} has {features.info.crops} crops, but TriDet reads one; make the "
            "features with --crops 1"
        )
    for video in truth.videos:
        _check(video, len(truth.classes))

    # Unreadable videos have no features either.
    present = set(features.names)
    train = tuple(video.begun() for video in truth.of_split("train") if video.id in present)
    test = truth.of_split("test")
    check_test_videos([video.id for video in test], features)
    if for_training and len(train) < config.batch_size:
        raise UserError(
            f"{features.folder} has features of {len(train)} training videos, but a batch needs "
            f"{config.batch_size}; make the features of the training split"
        )

    place = grid_of(features)
    for video in test:
        # Refuses a video that is too long before the training, not after it.
        grid.windows(features.rows(video.id), config, video.id, place.hop)

    # The notes are printed with the figures.
    notes = [*truth.notes, *_notes(truth, present, features)]
    return TridetVideos(features, place, train, test, tuple(notes))


def grid_of(features: FeatureSet) -> Grid:
    """Returns the grid of a set of features.

    A centred window lies in the middle of its cell of `hop` frames. Other windows begin with their
    cell and cover `frames * stride` frames.
    """
    cut = features.info.windows
    return Grid(cut.hop, cut.hop if cut.centred else cut.frames * cut.stride)


def _check(video: LabelledSegments, num_classes: int) -> None:
    if not (math.isfinite(video.fps) and video.fps > 0):
        raise UserError(
            f"{video.id} has {video.fps} frames per second in the annotations; correct its fps"
        )

    unknown = [label for label in video.labels if not 0 <= label < num_classes]
    if unknown:
        raise UserError(
            f"{video.id} has the label_id {unknown[0]}, but the {num_classes} classes have the "
            f"numbers 0 to {num_classes - 1}; correct the annotations"
        )


def _notes(truth: SegmentTruth, present: set[str], features: FeatureSet) -> list[str]:
    notes = []
    missing = [video.id for video in truth.of_split("train") if video.id not in present]
    if missing:
        notes.append(left_out_note(missing))

    late = 0
    for video in truth.of_split("train"):
        late += len(video.labels) - len(video.begun().labels)
    if late:
        notes.append(f"{late} training segments begin after their video and are left out")

    differing = []
    for video in truth.videos:
        measured = features.videos[video.id].fps if video.id in present else None
        if measured is not None and abs(measured / video.fps - 1) > _SAME_FPS:
            differing.append(f"{video.id}: {video.fps:g} and {measured:g}")
    if differing:
        notes.append(
            "frames per second differ between the annotations, which count, and the files of "
            f"{name_videos(differing)}"
        )
    return notes
