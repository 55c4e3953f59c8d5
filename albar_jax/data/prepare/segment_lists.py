"""Reads the segments of THUMOS14: from its own lists, or from the JSON of ActionFormer."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from albar_jax.data import segment_json
from albar_jax.data.labels import some
from albar_jax.data.prepare.base import check_folder, read_lines
from albar_jax.data.prepare.disk import entries, is_folder
from albar_jax.data.prepare.film_times import Times
from albar_jax.data.segment_json import Segment
from albar_jax.errors import UserError

# End of a list's name -> the split.
_ENDINGS = {"_val.txt": "train", "_test.txt": "test"}
# The lists of spans that are no clear action.
_AMBIGUOUS = "Ambiguous"
# Maximum number of videos that a sentence names.
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Lists:
    """The annotations of a data set.

    Attributes:
      classes: class names in the order of their numbers.
      splits: split of each film, by id.
      segments: segments of each film, by id, in the order of their times.
      times: frame rate and duration of each film, by id, where they are published.
      notes: sentences for the user.
    """

    classes: Sequence[str]
    splits: Mapping[str, str]
    segments: Mapping[str, Sequence[Segment]]
    times: Mapping[str, Times]
    notes: Sequence[str] = ()


def from_json(path: Path) -> Lists:
    """Reads the published JSON. Raises UserError; see `segment_json.read_database`."""
    database = segment_json.read_database(path)
    videos = database.videos
    return Lists(
        database.classes,
        {video.id: video.split for video in videos},
        {video.id: video.segments for video in videos},
        {video.id: Times(video.fps, video.duration) for video in videos},
    )


def from_folders(flag: str, folders: Sequence[Path]) -> Lists:
    """Reads the lists `<class>_val.txt` and `<class>_test.txt` in folders or their subfolders.

    Args:
      flag: the flag that names the folders, for messages.
      folders: the folders.

    Raises:
      UserError: there are no lists, a class lacks a list, or a line is malformed.
    """
    files = _files(flag, folders)
    labels = {(label, split): file for label, split, file in files if label != _AMBIGUOUS}
    classes = sorted({label for label, _ in labels})
    for label in classes:
        for ending, split in _ENDINGS.items():
            # Without one class, the classes after it would get other numbers.
            if (label, split) not in labels:
                raise UserError(
                    f"{flag} {some([str(folder) for folder in folders])} has no {label}{ending}; "
                    "complete the lists"
                )

    splits: dict[str, str] = {}
    segments: dict[str, list[Segment]] = {}
    for (label, split), file in labels.items():
        for name, start, end in _read(file):
            if splits.setdefault(name, split) != split:
                raise UserError(f"{file} lists {name}, which other lists have in another split")
            segments.setdefault(name, []).append(Segment(label, classes.index(label), start, end))

    for found in segments.values():
        found.sort(key=lambda segment: (segment.start, segment.end, segment.number))
    notes = _ambiguous([file for label, _, file in files if label == _AMBIGUOUS], splits)
    return Lists(classes, splits, dict(sorted(segments.items())), {}, notes)


def _files(flag: str, folders: Sequence[Path]) -> list[tuple[str, str, Path]]:
    """Returns class, split and path of each list."""
    files = []
    for folder in folders:
        check_folder(flag, folder)
        inner = [Path(entry.path) for entry in entries(folder) if is_folder(entry)]
        for place in (folder, *inner):
            for ending, split in _ENDINGS.items():
                for file in sorted(place.glob(f"*{ending}")):
                    files.append((file.name.removesuffix(ending), split, file))

    if not any(label != _AMBIGUOUS for label, _, _ in files):
        raise UserError(
            f"{flag} {some([str(folder) for folder in folders])} holds no <class>_val.txt; give "
            "TH14_Temporal_annotations_validation and TH14_Temporal_annotations_test, or the "
            "published thumos14.json"
        )
    return files


def _read(file: Path) -> list[tuple[str, float, float]]:
    """Reads a list: name, start and end of each segment."""
    segments = []
    for where, line in read_lines(file):
        # The published lists have two blanks after the name.
        name, *texts = line.split()
        try:
            times = [float(text) for text in texts]
        except ValueError:
            times = []
        if len(times) != len(texts) or len(times) != 2:
            raise UserError(f"{where} is {line!r}, not a name, a start and an end in seconds")
        segments.append((name, *segment_json.times_of(where, times)))
    return segments


def _ambiguous(files: Sequence[Path], splits: Mapping[str, str]) -> list[str]:
    """Describes the ambiguous spans, and the films that have nothing else."""
    spans = [name for file in files for name, _, _ in _read(file)]
    if not spans:
        return []

    notes = [f"{len(spans)} spans of {_AMBIGUOUS} have no class and count as background"]
    only = sorted(set(spans) - splits.keys())
    if only:
        notes.append(
            f"{len(only)} films have only such spans and are left out: {some(only, _MOST_NAMED)}"
        )
    return notes
