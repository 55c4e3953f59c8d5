"""Reads the annotations of anomaly detection, and makes the truth of each frame.

The folder has manifest.csv, whose labels are the classes of the videos, and events.csv; see
`data.events`. `albar prepare ucf_crime` writes both.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from albar_jax.data import events
from albar_jax.data.events import Event
from albar_jax.errors import UserError
from albar_jax.features.clip_rows import ClipRow, manifest_of, read_rows

# Class of the videos without an event.
NORMAL = "Normal"
SPLITS = ("train", "test")
# Frames of a row of features; the public MGFN repeats each score so often.
FRAMES_PER_ROW = 16


@dataclasses.dataclass(frozen=True)
class AnomalyVideo:
    """A video with its anomalous events.

    Attributes:
      id: id of the video.
      split: "train" or "test".
      label: its class; "Normal" if nothing anomalous happens in it.
      events: first and last frame of each event, counted from 1, both inclusive. Videos of the
        training split have none, because their events are not annotated.
    """

    id: str
    split: str
    label: str
    events: tuple[tuple[int, int], ...] = ()

    @property
    def is_abnormal(self) -> bool:
        """True if something anomalous happens in the video."""
        return self.label != NORMAL


def read_anomaly(path: str | os.PathLike[str]) -> tuple[AnomalyVideo, ...]:
    """Reads a manifest and its events.

    Args:
      path: the manifest, or its folder; events.csv is in the same folder.

    Returns:
      The videos in the order of the manifest.

    Raises:
      UserError: a file is missing or malformed, a split is neither train nor test, an event belongs
        to no video or to a normal one, or an abnormal test video has no event.
    """
    manifest = manifest_of(path)
    rows = read_rows(manifest)
    annotated = manifest.with_name(events.FILE)
    if not os.path.lexists(annotated):
        raise UserError(
            f"there is no {annotated}; name the manifest that `albar prepare ucf_crime` writes "
            "together with the events"
        )
    events_of = _by_video(events.read_events(annotated), rows, os.fspath(annotated))

    videos = []
    for row in rows:
        if row.split not in SPLITS:
            raise UserError(
                f"{row.where} has the split {row.split!r}; {' or '.join(SPLITS)} is needed"
            )
        spans = events_of.get(row.id, [])
        video = AnomalyVideo(row.id, row.split, row.label, tuple(spans))
        # Its frames would silently count as normal.
        if video.split == "test" and video.is_abnormal and not spans:
            raise UserError(
                f"{row.where} gives {row.id} the class {row.label}, but {annotated} has no event "
                "of it; add its events, or leave the video out"
            )
        videos.append(video)

    return tuple(videos)


def frame_truth(
    video: AnomalyVideo, rows: int, frames_per_row: int = FRAMES_PER_ROW
) -> Float[np.ndarray, " frames"]:
    """Returns which frames of a video are anomalous.

    Events are 1-based and inclusive: the frames start - 1 to end - 1 are marked. RTFM's builder,
    which users of MGFN copy, marks the frames start to end - 1, so it is one frame late.

    Args:
      video: the video.
      rows: number of rows of its features.
      frames_per_row: number of frames for which each row stands.

    Returns:
      0 or 1 for each frame, float64 (frames_per_row * rows,). An event past the last row is
      clipped; see `clipped_events`.
    """
    truth = np.zeros(frames_per_row * rows)
    for start, end in video.events:
        # Slices clip at the end by themselves.
        truth[start - 1 : end] = 1

    return truth


def clipped_events(video: AnomalyVideo, rows: int, frames_per_row: int = FRAMES_PER_ROW) -> int:
    """Returns the number of events of a video that end after the last row of its features."""
    return sum(end > frames_per_row * rows for _, end in video.events)


def _by_video(
    found: Sequence[Event], rows: Sequence[ClipRow], path: str
) -> Mapping[str, list[tuple[int, int]]]:
    """Returns the events of each video in their order. Raises UserError for contradictions."""
    label_of = {row.id: row.label for row in rows}
    spans: dict[str, list[tuple[int, int]]] = {}
    for event in found:
        label = label_of.get(event.id)
        if label is None:
            raise UserError(
                f"{path} has an event of {event.id}, which the manifest does not list; add the "
                "video, or delete the event"
            )
        if event.label != label or label == NORMAL:
            raise UserError(
                f"{path} has an event of the class {event.label!r} in {event.id}, whose class is "
                f"{label!r} in the manifest; correct one of them"
            )
        spans.setdefault(event.id, []).append((event.start, event.end))

    return {name: sorted(pairs) for name, pairs in spans.items()}
