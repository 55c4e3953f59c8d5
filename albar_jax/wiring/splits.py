"""Describes the splits of a manifest, and what may be wrong with them, before training starts."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax.config import Config
from albar_jax.data.manifest import Manifest, files_of, split_sizes
from albar_jax.data.validation_share import HoldOut, units
from albar_jax.errors import UserError
from albar_jax.files import composed
from albar_jax.storage.csv_files import whole


def check_every_class(config: Config, train: Manifest) -> None:
    """Raises UserError if a class has no training video, unless the config allows it."""
    empty = train.empty_classes()
    if empty and not config.data.allow_empty_classes:
        raise UserError(
            f"{in_words(empty, len(train.classes))} no training video in {config.data.manifest}; "
            "add some, remove such classes from the manifest and its classes.txt, or set "
            "config.data.allow_empty_classes"
        )


def empty_class_notes(train: Manifest, validation: Manifest | None) -> list[str]:
    """Returns a note for each split that lacks videos of some classes."""
    notes = []
    for videos, purpose in ((train, "train"), (validation, "validate")):
        if videos is None:
            continue
        empty = videos.empty_classes()
        if empty:
            notes.append(f"note: {in_words(empty, len(videos.classes))} no video to {purpose} on")

    return notes


def in_words(empty: Sequence[str], total: int) -> str:
    """Formats classes for a message, as in `3 of 51 classes, 'run' first, have`."""
    verb = "has" if len(empty) == 1 else "have"
    return f"{len(empty)} of {total} classes, {empty[0]!r} first, {verb}"


def splits_in_words(config: Config) -> str:
    """Lists the splits of the manifest and their uses, which reveals misspelt names."""
    data = config.data
    # Later keys replace earlier ones, if two uses have the same split.
    uses = {
        data.train_split: "to train on",
        data.validation_split: "to validate on",
        data.test_split: "to test on",
    }
    if data.validation_split is None and data.validation_fraction:
        uses[data.train_split] = f"to train on, {data.validation_fraction:.0%} of it to validate on"
    elif data.validation_split == data.train_split:
        uses[data.train_split] = "to train and to validate on"

    descriptions = []
    for name, size in split_sizes(data.manifest).items():
        use = uses.get(name, "not used")
        descriptions.append(f"{name or 'no split'} {size:,} ({use})")

    return f"{data.manifest}: {', '.join(descriptions)}"


def validation_in_words(config: Config, train: Manifest, validation: Manifest | None) -> list[str]:
    """Returns lines about the validation split, and about groups or files shared by two splits."""
    data = config.data
    if validation is None:
        return ["validation: none, all training videos are trained on", *_shared_files(config)]

    lines = []
    if data.validation_split is None:
        total = len(train) + len(validation)
        unit = _held_out_by(data.hold_out, train, validation)
        lines.append(
            f"validation: {len(validation)} of {total} training videos, held out by {unit}"
        )

    # Videos of one group, such as clips of one film, are too similar for two splits.
    shared = {*train.groups} & {*validation.groups} - {""}
    is_other_split = data.validation_split not in (None, data.train_split)
    if shared and is_other_split:
        splits = f"in {data.train_split} and in {data.validation_split}"
        lines.append(f"note: {len(shared)} groups have videos {splits}, {min(shared)} first")

    return [*lines, *_shared_files(config)]


def _shared_files(config: Config) -> list[str]:
    """Returns notes about files that are in two splits, and about their differing labels."""
    data = config.data
    files = files_of(data.manifest)
    # A dict, not a set, to keep the order.
    used = dict.fromkeys((data.train_split, data.validation_split, data.test_split))
    splits = [split for split in used if split in files]

    lines = []
    for one, other in itertools.combinations(splits, 2):
        lines += _shared_by(one, files[one], other, files[other])

    return lines


def _shared_by(
    one: str,
    files: Mapping[str, tuple[str, str]],
    other: str,
    other_files: Mapping[str, tuple[str, str]],
) -> list[str]:
    """Returns notes about the files that two splits share.

    Args:
      one: name of a split.
      files: identity of each file -> its path and label.
      other: name of the other split.
      other_files: its files.
    """
    # The same file may have another path in each split.
    labels = {}
    for key in files.keys() & other_files.keys():
        path, label = files[key]
        labels[path] = (label, other_files[key][1])
    if not labels:
        return []

    lines = [f"note: {len(labels)} files are in {one} and in {other}, {min(labels)} first"]
    differing = [path for path, both in labels.items() if not _are_one_label(*both)]
    if differing:
        first = min(differing)
        example = f"{first} first, {labels[first][0]!r} and {labels[first][1]!r}"
        lines.append(
            f"note: {len(differing)} of them have another label in {other} than in {one}, {example}"
        )

    return lines


def _are_one_label(one: str, other: str) -> bool:
    """Returns whether two labels are the same number or the same Unicode text."""
    # Class numbers may be written as 1 or 1.0.
    numbers = whole(one), whole(other)
    if None in numbers:
        return composed(one) == composed(other)

    return numbers[0] == numbers[1]


def _held_out_by(by: HoldOut, train: Manifest, validation: Manifest) -> str:
    """Formats the units that are held out, as in `214 of 1071 groups`."""
    held = len(np.unique(units(validation, by)))
    trained = len(np.unique(units(train, by)))

    # Each unit is one video.
    if held + trained == len(train) + len(validation):
        has_groups = bool(train.groups)
        return (
            "video" if has_groups or by == "video" else "video (the manifest has no column `group`)"
        )

    unit = "groups" if train.groups and by == "group" else "files"
    return f"{held} of {held + trained} {unit}"
