"""Reads the annotations of temporal action detection as arrays; see `data.segment_json`."""

import dataclasses
import os
from collections.abc import Collection

import numpy as np
from jaxtyping import Bool, Float, Int

from albar_jax.data import segment_json
from albar_jax.data.segment_json import SegmentedVideo
from albar_jax.errors import UserError

# For `SegmentTruth.without`.
WRONG_VIDEOS = segment_json.WRONG_VIDEOS


# Arrays have no truth value, so videos are not compared.
@dataclasses.dataclass(frozen=True, eq=False)
class LabelledSegments:
    """The segments of a video.

    Attributes:
      id: id of the video.
      split: "train" or "test".
      fps: frames per second.
      duration: duration in seconds.
      segments: start and end in seconds, float64 (n, 2), in the order of the file. Some end after
        the video, as published. Each CliffDiving segment of THUMOS14 is there twice, the second
        time with the label Diving.
      labels: class numbers, int64 (n,).
    """

    id: str
    split: str
    fps: float
    duration: float
    segments: Float[np.ndarray, "n 2"]
    labels: Int[np.ndarray, " n"]

    def select(self, chosen: Bool[np.ndarray, " n"]) -> "LabelledSegments":
        """Returns the video with these segments only."""
        return dataclasses.replace(self, segments=self.segments[chosen], labels=self.labels[chosen])

    def begun(self) -> "LabelledSegments":
        """Returns the video without the segments that begin at its end or later.

        No row of features shows them, so training leaves them out.
        """
        return self.select(self.segments[:, 0] < self.duration)


@dataclasses.dataclass(frozen=True)
class SegmentTruth:
    """The segments of a data set.

    Attributes:
      classes: class names in the order of their numbers.
      videos: the videos in the order of the file.
      notes: sentences for the user about unusual segments.
    """

    classes: tuple[str, ...]
    videos: tuple[LabelledSegments, ...]
    notes: tuple[str, ...] = ()

    def of_split(self, split: str) -> tuple[LabelledSegments, ...]:
        """Returns the videos of a split."""
        return tuple(video for video in self.videos if video.split == split)

    def without(self, ids: Collection[str]) -> "SegmentTruth":
        """Returns the truth without these videos, such as THUMOS14's 211 test videos."""
        kept = tuple(video for video in self.videos if video.id not in ids)
        return dataclasses.replace(self, videos=kept)


def read_segments(path: str | os.PathLike[str]) -> SegmentTruth:
    """Reads the JSON of segments.

    Segments of no length are dropped and counted. Segments that end after their video are kept, as
    published, and counted.

    Args:
      path: thumos14.json, or its folder.

    Raises:
      UserError: the file is missing or malformed; see `segment_json.read_database`.
    """
    if os.path.isdir(path):
        path = os.path.join(path, segment_json.FILE)
    if not os.path.lexists(path):
        raise UserError(
            f"there is no {os.fspath(path)}; `albar prepare thumos14` writes it next to its "
            "manifest"
        )
    database = segment_json.read_database(path)

    videos = []
    empty = late = 0
    for entry in database.videos:
        video = _arrays(entry)
        has_length = video.segments[:, 1] > video.segments[:, 0]
        empty += int((~has_length).sum())
        late += int((video.segments[:, 1] > video.duration).sum())
        videos.append(video.select(has_length))

    notes = []
    if empty:
        notes.append(f"{empty} segments of {path} have no length and are dropped")
    if late:
        notes.append(f"{late} segments of {path} end after their video and are kept, as published")

    return SegmentTruth(database.classes, tuple(videos), tuple(notes))


def _arrays(entry: SegmentedVideo) -> LabelledSegments:
    times = [(segment.start, segment.end) for segment in entry.segments]
    numbers = [segment.number for segment in entry.segments]
    return LabelledSegments(
        entry.id,
        entry.split,
        entry.fps,
        entry.duration,
        # A video may have no segments.
        np.array(times, np.float64).reshape(-1, 2),
        np.array(numbers, np.int64),
    )
