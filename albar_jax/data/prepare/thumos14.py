"""Reads THUMOS14: films of the validation and test sets, and their segments of 20 actions.

    validation/video_validation_0000051.mp4, test/video_test_0000004.mp4
    TH14_Temporal_annotations_validation/annotation/BaseballPitch_val.txt
                     lines `video_validation_0000266  72.8 76.4`, in seconds
    TH14_Temporal_annotations_test/annotation/BaseballPitch_test.txt

The validation films are for training. Or --annotations is the published thumos14.json, whose frame
rates and durations are then kept. OUT/thumos14.json gets the segments in that form.

Spans of the lists `Ambiguous` have no class and are left out. A segment of CliffDiving has the
class Diving, too. The label of a film in the manifest is its most frequent action.

http://crcv.ucf.edu/THUMOS14/
"""

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from albar_jax.data import segment_json
from albar_jax.data.labels import some
from albar_jax.data.prepare import segment_lists
from albar_jax.data.prepare.base import DataSet, Item, Listing
from albar_jax.data.prepare.film_times import Times, read_times
from albar_jax.data.prepare.named import NamedVideos
from albar_jax.data.prepare.segment_lists import Lists
from albar_jax.data.segment_json import Segment, SegmentedVideo

_PUBLISHED = {"train": 200, "test": 212}
# Number of test films -> the wrongly annotated ones that are left out.
_LEFT_OUT = {212: (), 211: segment_json.WRONG_VIDEOS[:1], 210: segment_json.WRONG_VIDEOS}
# Largest difference of two frame rates that is not worth a note.
_TOLERANCE = 0.01
# Maximum number of videos that a sentence names.
_MOST_NAMED = 3


def read(
    videos: Sequence[Path], *, annotations: Sequence[Path], test_videos: Literal[212, 211, 210]
) -> Listing:
    """Lists the annotated films. Classes are numbered in alphabetical order.

    Args:
      videos: folders of the films.
      annotations: folders of the lists, or the published thumos14.json.
      test_videos: 212 keeps two wrongly annotated test films, as ActionFormer and TriDet do; 211
        leaves out the first of them, as OpenTAD does, and 210 both.

    Raises:
      UserError: annotations are missing or malformed, no film exists, or a film has no frame rate.
    """
    lists = _read_annotations(annotations)
    left_out = set(_LEFT_OUT[test_videos])
    segments = {name: found for name, found in lists.segments.items() if name not in left_out}

    items = []
    for name, found in segments.items():
        items.append(Item(f"{name}.mp4", _label(found), lists.splits[name], name))
    named = NamedVideos(videos)
    existing, missing = named.locate(
        sorted(items, key=lambda item: (item.split != "train", item.id))
    )

    times, unreadable = read_times({item.id: item.path for item in existing})
    videos_of = {}
    for name, film in times.items():
        published = lists.times.get(name, film)
        videos_of[name] = SegmentedVideo(
            name, lists.splits[name], published.fps, published.duration, tuple(segments[name])
        )

    notes = [*lists.notes, *unreadable, *_rates(times, lists.times), *_unusual(videos_of)]
    if left_out:
        notes.append(f"{', '.join(sorted(left_out))} is left out, as --test-videos says")
    return Listing(
        [item for item in existing if item.id in times],
        lists.classes,
        missing,
        notes,
        {**_PUBLISHED, "test": test_videos},
        unlisted=named.others([*lists.segments]),
        tables={
            segment_json.FILE: lambda ids: segment_json.text_of(
                (video for name, video in videos_of.items() if name in ids), lists.classes
            )
        },
    )


def _read_annotations(annotations: Sequence[Path]) -> Lists:
    """Reads the folders of lists, or the JSON."""
    if len(annotations) == 1 and annotations[0].suffix == ".json":
        return segment_lists.from_json(annotations[0])
    return segment_lists.from_folders("--annotations", annotations)


def _label(segments: Sequence[Segment]) -> str:
    """Returns the most frequent class; of equal ones, the first in the alphabet."""
    count = collections.Counter(segment.label for segment in segments)
    return min(count, key=lambda label: (-count[label], label))


def _rates(films: Mapping[str, Times], published: Mapping[str, Times]) -> list[str]:
    """Describes the films whose frame rate differs from the published one."""
    notes = []
    for name in films.keys() & published.keys():
        fps = films[name].fps
        stated = published[name].fps
        if abs(fps / stated - 1) > _TOLERANCE:
            notes.append(
                f"{name} has {fps:g} frames per second, and {stated:g} in the annotation, which is "
                "kept"
            )
    return sorted(notes)


def _unusual(videos: Mapping[str, SegmentedVideo]) -> list[str]:
    """Counts segments that end after their film, that have no length, and that lack their twin."""
    late: collections.Counter[str] = collections.Counter()
    empty = single = 0
    for name, video in videos.items():
        spans = {(found.label, found.start, found.end) for found in video.segments}
        for found in video.segments:
            late[name] += found.end > video.duration
            empty += found.end == found.start
            is_cliff = found.label == "CliffDiving"
            single += is_cliff and ("Diving", found.start, found.end) not in spans

    notes = []
    names = [name for name in late if late[name]]
    if names:
        notes.append(
            f"{late.total()} segments end after their film and are kept, as published, in "
            f"{some(names, _MOST_NAMED)}"
        )
    if empty:
        notes.append(f"{empty} segments have no length; training and evaluation drop them")
    if single:
        notes.append(f"{single} CliffDiving segments are not Diving segments, too, as published")
    return notes


DATASET = DataSet(
    title="THUMOS14",
    read=read,
    options={
        "--annotations": {
            "type": Path,
            "required": True,
            "nargs": "+",
            "metavar": "DIR|FILE",
            "help": "folders of the temporal annotations, or the published thumos14.json",
        },
        "--test-videos": {
            "type": int,
            "choices": tuple(_LEFT_OUT),
            "default": 212,
            "help": "number of test films: 212 with the two that are wrongly annotated, 211 or 210",
        },
    },
    num_classes=20,
    folder="thumos14",
    command=(
        "albar features --workdir runs/hmdb51/albar --videos {manifest} --hop 4 "
        "--out features/thumos14/albar"
    ),
    has_several_folders=True,
)
