"""Reads a user's own videos: a folder of class folders, or folders train, test (and val) of these.

A video in a class folder is a file, an archive of frames, a folder of frames, or a single image.
"""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from albar_jax.data.prepare.base import DataSet, Item, Listing, check_folder, labels_of, stem
from albar_jax.data.prepare.disk import entries, is_folder, walk
from albar_jax.data.prepare.folder_draw import draw_test_split
from albar_jax.data.prepare.output import WRITTEN
from albar_jax.data.suffixes import ALL_SUFFIXES, IMAGE_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.terminal import flags

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
# Number of kinds of files listed in a note.
_NAMED_KINDS = 5


# Defaults of the drawn test split.
_FRACTION, _SEED = 0.25, 0


def read(videos: Path, *, test_fraction: float = _FRACTION, seed: int = _SEED) -> Listing:
    """Lists all videos of a folder.

    Args:
      videos: the folder.
      test_fraction: share of each class that is drawn as the test split if there are no split
        folders, above 0 and below 1.
      seed: random seed of the draw.

    Raises:
      UserError: the folder has no class folders with videos, or other mistakes.
    """
    check_folder("--videos", videos)
    if not 0 < test_fraction < 1:
        raise UserError(
            f"--test-fraction is {test_fraction}; give a share between 0 and 1, as 0.25"
        )

    items, notes = list_videos(videos)
    if not any(item.split for item in items):
        items, of_draw = draw_test_split(items, test_fraction, seed)
        notes = [*of_draw, *notes]
    elif (test_fraction, seed) != (_FRACTION, _SEED):
        raise UserError(
            f"--test-fraction and --seed have no effect, because --videos {videos} has the "
            f"folders {' and '.join(_split_folders(videos))}; leave them out"
        )

    return Listing(items, sorted(labels_of(items)), notes=notes)


def list_videos(videos: Path) -> tuple[list[Item], list[str]]:
    """Lists all videos of a folder, without a drawn split.

    Args:
      videos: folder of class folders, or of folders train, test and val of these.

    Returns:
      items: the videos; their split is "" if there are no folders of splits.
      notes: sentences about files that are left out.

    Raises:
      UserError: the folder has no class folders with videos, or other mistakes.
    """
    check_folder("--videos", videos)
    left_out = _LeftOut()
    split_of_folder = _split_folders(videos)
    items: list[Item] = []
    for name, split in split_of_folder.items():
        items += _items(videos, name, split, left_out)

    if split_of_folder:
        _check_splits(items, left_out)
    else:
        items = list(_items(videos, "", "", left_out))
        _check_classes(items, videos, left_out)
    return items, left_out.notes()


@dataclasses.dataclass
class _LeftOut:
    """The files that are left out, by reason.

    Attributes:
      outside: files outside of class folders.
      others: files not named like videos.
      empty: class folders without videos.
    """

    outside: list[str] = dataclasses.field(default_factory=list)
    others: list[str] = dataclasses.field(default_factory=list)
    empty: list[str] = dataclasses.field(default_factory=list)

    def notes(self) -> list[str]:
        """Returns a sentence for each reason."""
        notes = []
        if self.others:
            notes.append(f"files that are not named like videos are left out: {self._kinds()}")
        if self.outside:
            notes.append(
                f"files in no class folder are left out: {len(self.outside)}, "
                f"{self.outside[0]} first"
            )
        if self.empty:
            notes.append(
                f"class folders without videos are left out: {len(self.empty)}, "
                f"{self.empty[0]} first"
            )
        return notes

    def reason(self) -> str:
        """Returns the end of the error for a folder without videos: the files found instead."""
        return "".join(f"; {note}" for note in self.notes())

    def _kinds(self) -> str:
        """Describes the files that are not named like videos, most frequent suffixes first."""
        by_suffix: dict[str, list[str]] = {}
        for path in self.others:
            by_suffix.setdefault(suffix(path) or "no suffix", []).append(path)

        kinds = sorted(by_suffix.items(), key=lambda kind: -len(kind[1]))[:_NAMED_KINDS]
        text = "; ".join(f"{len(paths)} with {ending}, {paths[0]} first" for ending, paths in kinds)
        return text + ("; ..." if len(by_suffix) > _NAMED_KINDS else "")


def _split_folders(videos: Path) -> dict[str, str]:
    """Returns the split of each folder, or nothing if the folders are classes."""
    splits = {}
    for entry in _visible_entries(videos):
        if is_folder(entry):
            splits[entry.name] = _SPLITS.get(entry.name.lower(), "")

    unknown = [name for name, split in splits.items() if not split]
    if unknown and {"train", "test"} <= set(splits.values()):
        raise UserError(
            f"--videos {videos} holds train and test, but also {unknown[0]}; move it to another "
            "folder"
        )
    return {} if unknown else splits


def _items(videos: Path, above: str, split: str, left_out: _LeftOut) -> Iterator[Item]:
    """Yields the videos in the class folders of `videos/above`, in the order of their names."""
    # Links back to these folders would give each video several times.
    roots = frozenset(map(os.path.realpath, (videos, videos / above)))
    for folder in _visible_entries(videos / above):
        if not is_folder(folder):
            left_out.outside.append(folder.path)
            continue

        is_empty = True
        for entry in walk(folder.path, _is_one_video, roots):
            # A folder that `walk` yields is one video.
            if is_folder(entry) or suffix(entry.name) in ALL_SUFFIXES:
                is_empty = False
                relative = os.path.relpath(entry.path, videos).replace(os.sep, "/")
                yield Item(entry.path, folder.name, split, stem(relative))
            else:
                left_out.others.append(entry.path)
        if is_empty:
            left_out.empty.append(folder.path)


def _visible_entries(folder: Path) -> list[os.DirEntry[str]]:
    # The videos' folder may also be where the manifest and the records were written before.
    return [entry for entry in entries(folder) if entry.name not in WRITTEN]


def _is_one_video(folder: os.DirEntry[str]) -> bool:
    """Returns whether a folder is named like a video, or holds frames."""
    if suffix(folder.name) in ALL_SUFFIXES:
        return True
    return any(suffix(frame.name) in IMAGE_SUFFIXES for frame in entries(folder.path))


def _check_splits(items: Sequence[Item], left_out: _LeftOut) -> None:
    """Raises UserError if there are no videos, or a class has none to train on."""
    # A class without training videos could never be predicted.
    trained = {item.label for item in items if item.split == "train"}
    for item in items:
        if trained and item.label not in trained:
            raise UserError(f"the class {item.label!r} of {item.path} has no video to train on")

    if not items:
        raise UserError(
            "the folders train, val and test hold no class folders with videos in them"
            f"{left_out.reason()}"
        )


def _check_classes(items: Sequence[Item], videos: Path, left_out: _LeftOut) -> None:
    """Raises UserError if there are fewer than two classes."""
    classes = sorted(labels_of(items))
    if not classes:
        raise UserError(
            f"--videos {videos} holds no class folders with videos in them; give the folder that "
            f"contains them{left_out.reason()}"
        )

    # A single class is a sign that --videos is one level too high or too low.
    if len(classes) == 1:
        # The class folders may be one level below, or one level above.
        below = videos / classes[0]
        inner = {Path(item.path).relative_to(below).parts[0] for item in items}
        right = videos.absolute().parent
        if len(inner) > 1 and all((below / name).is_dir() for name in inner):
            right = below
        only = "videos in only one class folder" if left_out.empty else "only one class folder"
        raise UserError(f"--videos {videos} holds {only}, {classes[0]}; did you mean {right}?")


DATASET = DataSet(
    title="Videos",
    read=read,
    options={
        "--test-fraction": {
            "type": float,
            "default": _FRACTION,
            "metavar": "SHARE",
            "help": "share of each class to test on, if there are no folders train and test",
        },
        "--seed": {
            "type": flags.seed,
            "default": _SEED,
            "metavar": "N",
            "help": "random seed of the test split, 0 to 2^32 - 1",
        },
    },
    # There is no list of videos that could be missing.
    may_lack_videos=True,
)
