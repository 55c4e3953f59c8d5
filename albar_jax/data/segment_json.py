"""Reads and writes the JSON of temporal action detection, as published for THUMOS14.

    {"version": "Thumos14-30fps", "classes": ["BaseballPitch", ...],
     "database": {"video_test_0000004": {
        "subset": "Test", "duration": 33.8, "fps": 30.0,
        "annotations": [{"label": "CricketBowling", "label_id": 5, "segment": [0.2, 1.1],
                         "segment(frames)": [6.0, 33.0]}]}}}

Segments are in seconds. ActionFormer and TriDet read this form; they do not use
`segment(frames)` and `classes`. The published file has no `classes`: its label_ids number them.
"""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any

from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage import json_files

FILE = "thumos14.json"
VERSION = "Thumos14-30fps"
# Our split -> the subset in the JSON. Subsets are compared without case.
SUBSETS = {"train": "Validation", "test": "Test"}
# THUMOS14's test videos with wrong annotations. ActionFormer and TriDet keep them, OpenTAD leaves
# out the first one (211 test videos), others leave out both (210).
WRONG_VIDEOS = ("video_test_0000270", "video_test_0001496")
_SPLITS = {"validation": "train", "training": "train", "train": "train", "test": "test"}


@dataclasses.dataclass(frozen=True)
class Segment:
    """A segment of one action.

    Attributes:
      label: class of the action.
      number: class number, from 0.
      start: start in seconds.
      end: end in seconds, at least `start`.
    """

    label: str
    number: int
    start: float
    end: float


@dataclasses.dataclass(frozen=True)
class SegmentedVideo:
    """A video with its segments.

    Attributes:
      id: id of the video.
      split: "train" or "test". THUMOS14 trains on its subset "Validation".
      fps: frames per second, above 0.
      duration: duration in seconds, above 0.
      segments: the segments in the order of the file.
    """

    id: str
    split: str
    fps: float
    duration: float
    segments: tuple[Segment, ...]


@dataclasses.dataclass(frozen=True)
class SegmentDatabase:
    """The content of the JSON.

    Attributes:
      classes: class names in the order of their numbers. Some may have no segment.
      videos: the videos in the order of the file.
    """

    classes: tuple[str, ...]
    videos: tuple[SegmentedVideo, ...]


def read_database(path: str | os.PathLike[str]) -> SegmentDatabase:
    """Reads the JSON.

    Raises:
      UserError: the file is malformed, a video has no frame rate, a segment ends before it starts,
        or a label has two numbers or no number from 0 to C - 1.
    """
    content = json_files.read_object(path, remedy=f"; give {FILE} of `albar prepare thumos14`")
    database = content.get("database")
    if not isinstance(database, dict) or not database:
        raise UserError(f"{path} has no videos under the key 'database'; give {FILE}")

    videos = tuple(_video(path, name, entry) for name, entry in database.items())
    listed = _listed_classes(path, content.get("classes"))
    return SegmentDatabase(_class_names(path, videos, listed), videos)


def _listed_classes(path: str | os.PathLike[str], names: Any) -> tuple[str, ...]:
    """Checks the list of classes; () if the file has none."""
    if names is None:
        return ()

    is_list = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    if not is_list or len(set(names)) < len(names):
        raise UserError(f"{path} has the classes {names!r}; give a list of names, each once")
    return tuple(composed(name) for name in names)


def _class_names(
    path: str | os.PathLike[str], videos: Iterable[SegmentedVideo], listed: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the classes in the order of their numbers.

    Raises:
      UserError: a label has two numbers, or the numbers are not 0 to C - 1, each once, or they are
        not the places of their labels in the list of classes.
    """
    number_of = {name: number for number, name in enumerate(listed)}
    for video in videos:
        for segment in video.segments:
            if number_of.setdefault(segment.label, segment.number) != segment.number:
                raise UserError(
                    f"{path} gives the label {segment.label!r} the numbers "
                    f"{number_of[segment.label]} and {segment.number}, the latter in {video.id}; "
                    "give each label one label_id"
                )
            if listed and segment.label not in listed:
                raise UserError(
                    f"{path} has the label {segment.label!r} in {video.id}, which its list of "
                    "classes lacks; add it at the end, or correct the label"
                )

    ordered = dict(sorted(number_of.items(), key=lambda pair: pair[1]))
    if list(ordered.values()) != list(range(len(ordered))):
        raise UserError(
            f"{path} has {len(ordered)} labels with the numbers {sorted(number_of.values())}; "
            f"number them 0 to {len(ordered) - 1}, each once"
        )
    return tuple(ordered)


def text_of(videos: Iterable[SegmentedVideo], classes: Sequence[str]) -> str:
    """Returns the content of the JSON.

    Args:
      videos: the videos.
      classes: all class names in the order of their numbers, also those without a segment.
    """
    database = {}
    for video in videos:
        annotations = []
        for segment in video.segments:
            times = [segment.start, segment.end]
            frames = [round(time * video.fps, 1) for time in times]
            annotations.append(
                {
                    "label": segment.label,
                    "label_id": segment.number,
                    "segment": times,
                    "segment(frames)": frames,
                }
            )
        database[video.id] = {
            "subset": SUBSETS[video.split],
            "duration": video.duration,
            "fps": video.fps,
            "annotations": annotations,
        }

    content = {"version": VERSION, "classes": [*classes], "database": database}
    return json.dumps(content, indent=1) + "\n"


def _video(path: str | os.PathLike[str], name: str, entry: Any) -> SegmentedVideo:
    """Checks the entry of a video."""
    where = f"{path}: the video {name!r}"
    if not isinstance(entry, dict) or not isinstance(entry.get("annotations"), list):
        raise UserError(f"{where} has no list of annotations; give {FILE}")

    split = _SPLITS.get(str(entry.get("subset")).lower())
    if split is None:
        raise UserError(f"{where} has the subset {entry.get('subset')!r}; it is Validation or Test")

    # Without a frame rate, no row of features has a time.
    for field in ("fps", "duration"):
        value = entry.get(field)
        is_positive = isinstance(value, int | float) and 0 < value < math.inf
        if not is_positive or not json_files.is_number(value):
            raise UserError(f"{where} has the {field} {value!r}; give a number above 0")

    segments = tuple(_segment(where, annotation) for annotation in entry["annotations"])
    return SegmentedVideo(
        composed(name), split, float(entry["fps"]), float(entry["duration"]), segments
    )


def _segment(where: str, annotation: Any) -> Segment:
    """Checks an annotation."""
    if not isinstance(annotation, dict):
        raise UserError(f"{where} has the annotation {annotation!r}; give label and segment")

    label = annotation.get("label")
    number = annotation.get("label_id")
    if not isinstance(label, str) or not label:
        raise UserError(f"{where} has the label {label!r}; give the name of a class")
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise UserError(f"{where} has the label_id {number!r}; give a number from 0")

    return Segment(composed(label), number, *times_of(where, annotation.get("segment")))


def times_of(where: str, segment: Any) -> tuple[float, float]:
    """Checks start and end of a segment in seconds.

    Args:
      where: name of the segment for messages.
      segment: the two numbers.

    Raises:
      UserError: they are not two finite numbers from 0, or the segment ends before it starts.
    """
    is_pair = isinstance(segment, list | tuple) and len(segment) == 2
    if not is_pair or not all(json_files.is_number(time) for time in segment):
        raise UserError(f"{where} has the segment {segment!r}; give start and end in seconds")

    start, end = map(float, segment)
    if not 0 <= start <= end < math.inf:
        raise UserError(
            f"{where} has a segment from {start:g} s to {end:g} s; give 0 <= start <= end"
        )
    return start, end
