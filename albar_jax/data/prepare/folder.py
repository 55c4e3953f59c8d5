"""Anyone's videos: a folder of class folders, or of folders train, test (and val) of class folders.

A video is a file, an archive of frames, a folder of frames, or a picture on its own in a class folder.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from albar_jax.data.hold_out import draw_groups, join
from albar_jax.data.prepare.base import Item, Layout, Listing, check_folder, stem
from albar_jax.data.prepare.disk import entries, is_folder, walk
from albar_jax.data.prepare.groups import with_groups
from albar_jax.data.prepare.output import WRITTEN
from albar_jax.data.same_file import file_keys
from albar_jax.data.suffixes import ARCHIVE_SUFFIX, IMAGE_SUFFIXES, VIDEO_SUFFIXES, suffix
from albar_jax.errors import UserError
from albar_jax.terminal import flags

_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
_SPLITS |= {"test": "test", "testing": "test"}
# Number of kinds of files listed in a note.
_NAMED_KINDS = 5
_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {ARCHIVE_SUFFIX}


def read(videos: Path, *, test_fraction: float = 0.25, seed: int = 0) -> Listing:
    """Lists all videos; without split folders, `test_fraction` of each class, drawn by `seed`, is the test split."""
    check_folder("--videos", videos)
    if not 0 < test_fraction < 1:
        raise UserError(
            f"--test-fraction is {test_fraction}; give a share between 0 and 1, as 0.25"
        )
    folders = {
        entry.name: _SPLITS.get(entry.name.lower())
        for entry in _classes(videos)
        if is_folder(entry)
    }
    left_out = _LeftOut()
    unknown = [name for name, split in folders.items() if not split]
    if unknown and {"train", "test"} <= set(folders.values()):
        raise UserError(
            f"--videos {videos} holds train and test, but also {unknown[0]}; move that elsewhere"
        )
    if folders and all(folders.values()):
        items = [
            item
            for name, split in folders.items()
            for item in _items(videos, name, split, left_out)
        ]
        _check_splits(items, left_out)
        notes = []
    else:
        items = list(_items(videos, "", "", left_out))
        _check_classes(items, videos, left_out)
        items, notes = _draw(items, test_fraction, seed)
    return Listing(items, sorted({item.label for item in items}), notes=[*notes, *left_out.notes()])


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
            by_suffix: dict[str, list[str]] = {}
            for path in self.others:
                by_suffix.setdefault(suffix(path) or "no suffix", []).append(path)
            kinds = sorted(by_suffix.items(), key=lambda kind: -len(kind[1]))[:_NAMED_KINDS]
            told = "; ".join(
                f"{len(paths)} with {ending}, {paths[0]} first" for ending, paths in kinds
            )
            more = "; ..." if len(by_suffix) > _NAMED_KINDS else ""
            notes.append(
                f"{len(self.others)} files are left out, because they are not named like videos: {told}{more}"
            )
        if self.outside:
            notes.append(
                f"{len(self.outside)} files are left out, because they are in no class folder, {self.outside[0]} first"
            )
        if self.empty:
            notes.append(
                f"{len(self.empty)} class folders hold no videos and are left out, {self.empty[0]} first"
            )

        return notes

    def reason(self) -> str:
        """Returns the end of the error for a folder without videos: the files found instead."""
        return "".join(f"; {note}" for note in self.notes())


def _items(videos: Path, above: str, split: str, left_out: _LeftOut) -> Iterator[Item]:
    """Yields the videos in the class folders of `videos/above`, in the order of their names."""
    roots = frozenset(map(os.path.realpath, (videos, videos / above)))
    for folder in _classes(videos / above):
        if not is_folder(folder):
            left_out.outside.append(folder.path)
            continue
        is_empty = True
        for entry in walk(folder.path, _is_video, roots):
            if _is_video(entry):
                is_empty = False
                relative = os.path.relpath(entry.path, videos).replace(os.sep, "/")
                yield Item(entry.path, folder.name, split, stem(relative))
            else:
                left_out.others.append(entry.path)
        left_out.empty += [folder.path] if is_empty else []


def _classes(folder: Path) -> list[os.DirEntry[str]]:
    # The videos' folder may also be where the manifest and the records were written before.
    return [entry for entry in entries(folder) if entry.name not in WRITTEN]


def _is_video(entry: os.DirEntry[str]) -> bool:
    """Whether it is named like a video, or holds frames."""
    return suffix(entry.name) in _SUFFIXES or (
        is_folder(entry)
        and any(suffix(frame.name) in IMAGE_SUFFIXES for frame in entries(entry.path))
    )


def _check_splits(items: list[Item], left_out: _LeftOut) -> None:
    trained = {item.label for item in items if item.split == "train"}
    for item in items:
        if trained and item.label not in trained:
            raise UserError(f"the class {item.label!r} of {item.path} has no video to train on")
    if not items:
        raise UserError(
            f"the folders train, val and test hold no class folders with videos in them{left_out.reason()}"
        )


def _check_classes(items: list[Item], videos: Path, left_out: _LeftOut) -> None:
    classes = sorted({item.label for item in items})
    if len(classes) == 1:
        below = videos / classes[0]
        inner = {Path(item.path).relative_to(below).parts[0] for item in items}
        right = (
            below
            if len(inner) > 1 and all((below / name).is_dir() for name in inner)
            else videos.absolute().parent
        )
        only = "videos in only one class folder" if left_out.empty else "only one class folder"
        raise UserError(f"--videos {videos} holds {only}, {classes[0]}; did you mean {right}?")
    if not classes:
        raise UserError(
            f"--videos {videos} holds no class folders with videos in them; --videos is the folder of those"
            + left_out.reason()
        )


def _draw(items: list[Item], fraction: float, seed: int) -> tuple[list[Item], list[str]]:
    """Draws each class's share of test videos, at least one and not all; keeps sources together."""
    items = with_groups(items)
    groups = join(file_keys([item.path for item in items]), [item.group or None for item in items])
    if len(set(groups.tolist())) < len(items):
        labels = np.unique([item.label for item in items], return_inverse=True)[1].reshape(-1)
        tested = draw_groups(labels, groups, fraction, seed)
        kept = [
            dataclasses.replace(item, split="test" if test else "train")
            for item, test in zip(items, tested, strict=True)
        ]
        notes = [
            f"the test split is drawn by {len(set(groups.tolist()))} groups of clips of one source"
        ]
        if lacking := sorted(
            {item.label for item in kept} - {item.label for item in kept if item.split == "test"}
        ):
            notes.append(
                f"{len(lacking)} classes have one source and none to test on, {lacking[0]} first"
            )
        return kept, notes
    split_of: dict[str, str] = {}
    single = []
    for number, (name, members) in enumerate(_by_class(items).items()):
        order = np.random.default_rng([seed, number]).permutation(len(members))
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        split_of |= {
            members[place].path: "test" if rank < count else "train"
            for rank, place in enumerate(order)
        }
        single += [name] if len(members) == 1 else []
    notes = (
        [f"{len(single)} classes have one video and none to test on, {single[0]} first"]
        if single
        else []
    )
    return [dataclasses.replace(item, split=split_of[item.path]) for item in items], notes


def _by_class(items: list[Item]) -> Mapping[str, list[Item]]:
    classes: dict[str, list[Item]] = {}
    for item in items:
        classes.setdefault(item.label, []).append(item)
    return classes


LAYOUT = Layout(
    title="Videos",
    read=read,
    options={
        "--test-fraction": {
            "type": float,
            "default": 0.25,
            "help": "share of each class to test on, where there are no folders train and test (default: %(default)s)",
        },
        "--seed": {"type": flags.seed, "default": 0, "help": "of that draw (default: %(default)s)"},
    },
    may_lack_videos=True,  # there is no list of those that should be there
)
