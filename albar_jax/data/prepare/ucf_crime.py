"""Reads UCF-Crime: class folders of films, the training list, and the events of the test films.

    Videos/Abuse/Abuse001_x264.mp4
    Videos/Training_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4
    Videos/Testing_Normal_Videos_Anomaly/Normal_Videos_003_x264.mp4
    Anomaly_Detection_splits/Anomaly_Train.txt    lines `Abuse/Abuse001_x264.mp4`
    Temporal_Anomaly_Annotation.txt               lines `Abuse028_x264.mp4  Abuse  165  240  -1  -1`

The films may be in any subfolders, as their archives are unpacked. Each line of the annotation has
the first and the last frame of two events, counted from 1; -1 stands for no event. OUT/events.csv
gets the events.

Manifests list the abnormal films first. The official lists are alphabetical, so the normal films
are between two classes; programs that take the first 810 films as abnormal would get wrong labels.

https://www.crcv.ucf.edu/projects/real-world/
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from albar_jax.data import events
from albar_jax.data.events import Event
from albar_jax.data.labels import some
from albar_jax.data.prepare import options
from albar_jax.data.prepare.base import DataSet, Item, Listing, list_folder, read_lines, stem
from albar_jax.data.prepare.named import NamedVideos
from albar_jax.errors import UserError

NORMAL = "Normal"
_ANOMALIES = """
    Abuse Arrest Arson Assault Burglary Explosion Fighting RoadAccidents Robbery Shooting
    Shoplifting Stealing Vandalism
"""
CLASSES = tuple(sorted([*_ANOMALIES.split(), NORMAL]))
TRAIN_LIST = "Anomaly_Train.txt"
_TEST_LIST = "Anomaly_Test.txt"
_NORMAL_FOLDERS = {
    "train": "Training_Normal_Videos_Anomaly",
    "test": "Testing_Normal_Videos_Anomaly",
}
_PUBLISHED = {"train": 1610, "test": 290}
# Fields of a line: name, class, and two events.
_NUM_FIELDS = 6
# Stands for a missing event.
_NO_FRAME = "-1"
# Maximum number of videos that a sentence names.
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class _Annotations:
    """The test films, and the events in them."""

    items: Sequence[Item]
    events: Sequence[Event]


def read(videos: Path, *, splits: Path, annotations: Path) -> Listing:
    """Lists both splits. Classes are numbered in alphabetical order.

    Args:
      videos: folder of the films.
      splits: folder of Anomaly_Train.txt.
      annotations: the file Temporal_Anomaly_Annotation.txt, which also lists the test films.

    Raises:
      UserError: lists are missing or malformed, or no film exists.
    """
    folder = list_folder(
        "--splits",
        splits,
        "Anomaly_Detection_splits",
        lambda path: (path / TRAIN_LIST).is_file(),
        TRAIN_LIST,
    )
    tested = _read_annotations(annotations)
    items = _abnormal_first([*_read_train(folder / TRAIN_LIST), *tested.items])
    _refuse_repeats(items)

    named = NamedVideos([videos])
    existing, missing = named.locate(items)
    listed = {item.id for item in items}
    notes = [*_counts(existing), *_differences(folder / _TEST_LIST, tested.items)]
    return Listing(
        existing,
        CLASSES,
        missing,
        notes,
        _PUBLISHED,
        unlisted=named.others(listed),
        tables={
            events.FILE: lambda ids: events.text_of(
                event for event in tested.events if event.id in ids
            )
        },
    )


def _read_train(file: Path) -> list[Item]:
    """Reads the training list. The folder of a film is its class."""
    items = []
    for where, line in read_lines(file):
        path = PurePosixPath(line)
        label = NORMAL if path.parent.name == _NORMAL_FOLDERS["train"] else path.parent.name
        _check_class(where, label)
        items.append(Item(line, label, "train", stem(path.name)))
    return items


def _read_annotations(file: Path) -> _Annotations:
    """Reads the test films and their events."""
    items = []
    found = []
    for where, line in read_lines(file):
        # The published file has two blanks between fields and at the end of a line.
        fields = line.split()
        if len(fields) != _NUM_FIELDS:
            raise UserError(
                f"{where} has {len(fields)} fields, not the {_NUM_FIELDS} of "
                "`Abuse028_x264.mp4  Abuse  165  240  -1  -1`"
            )

        name, label, *frames = fields
        _check_class(where, label)
        folder = _NORMAL_FOLDERS["test"] if label == NORMAL else label
        item = Item(f"{folder}/{name}", label, "test", stem(name))
        items.append(item)
        found += _events(where, item, frames)
    return _Annotations(items, found)


def _events(where: str, item: Item, frames: Sequence[str]) -> list[Event]:
    """Parses the events of a line. Raises UserError if they do not fit the class."""
    found = []
    for start, end in zip(frames[::2], frames[1::2], strict=True):
        if start == end == _NO_FRAME:
            continue
        found.append(Event(item.id, item.label, *events.frames_of(where, start, end)))

    if item.label == NORMAL and found:
        raise UserError(f"{where} has an event in a film of the class {NORMAL}; correct the line")
    if item.label != NORMAL and not found:
        raise UserError(f"{where} has the class {item.label}, but no event; correct the line")
    return found


def _check_class(where: str, label: str) -> None:
    if label not in CLASSES:
        raise UserError(f"{where} has the class {label!r}; UCF-Crime has {', '.join(CLASSES)}")


def _abnormal_first(items: Iterable[Item]) -> list[Item]:
    """Sorts films: the training split first, in a split the abnormal ones, then by name."""

    def rank(item: Item) -> tuple[bool, bool, str]:
        return item.split != "train", item.label == NORMAL, item.id

    return sorted(items, key=rank)


def _refuse_repeats(items: Iterable[Item]) -> None:
    """Raises UserError if a film is listed twice, such as in both splits."""
    split_of: dict[str, str] = {}
    for item in items:
        if item.id in split_of:
            raise UserError(
                f"{item.path} is listed twice, in the splits {split_of[item.id]} and {item.split}; "
                "delete one of the lines"
            )
        split_of[item.id] = item.split


def _counts(items: Sequence[Item]) -> list[str]:
    """Describes the abnormal and normal films of each split."""
    notes = []
    for split in _PUBLISHED:
        labels = [item.label for item in items if item.split == split]
        normal = labels.count(NORMAL)
        notes.append(f"{split}: {len(labels) - normal} abnormal films, then {normal} normal ones")
    return notes


def _differences(file: Path, annotated: Sequence[Item]) -> list[str]:
    """Describes the differences between the test list, if there is one, and the annotation."""
    if not file.is_file():
        return []

    listed = {stem(PurePosixPath(line).name) for _, line in read_lines(file)}
    names = {item.id for item in annotated}
    notes = []
    for count, sentence in (
        (sorted(listed - names), f"films of {file} have no annotation and are left out"),
        (sorted(names - listed), f"annotated films are not in {file}"),
    ):
        if count:
            notes.append(f"{len(count)} {sentence}, {some(count, _MOST_NAMED)}")
    return notes


DATASET = DataSet(
    title="UCF-Crime",
    read=read,
    options={
        "--splits": options.path("DIR", "Anomaly_Detection_splits", required=True),
        "--annotations": options.path("FILE", "Temporal_Anomaly_Annotation.txt", required=True),
    },
    num_classes=len(CLASSES),
    folder="ucf_crime",
    command=(
        "albar features --workdir runs/hmdb51/albar --videos {manifest} "
        "--out features/ucf_crime/albar"
    ),
)
