"""Describes the splits of a manifest and their oddities before training starts."""

import itertools
from collections.abc import Sequence

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
            f"{in_words(empty, len(train.classes))} no training video in {config.data.manifest}; add some, take such "
            "classes out of the manifest and its classes.txt, or set config.data.allow_empty_classes"
        )


def empty_class_notes(train: Manifest, validation: Manifest | None) -> list[str]:
    """Returns a note for each split that lacks videos of some classes."""
    return [
        f"note: {in_words(empty, len(videos.classes))} no video to {purpose} on"
        for videos, purpose in ((train, "train"), (validation, "validate"))
        if videos is not None and (empty := videos.empty_classes())
    ]


def in_words(empty: Sequence[str], total: int) -> str:
    """Formats classes for a message, as in `3 of 51 classes, 'run' first, have`."""
    return f"{len(empty)} of {total} classes, {empty[0]!r} first, {'has' if len(empty) == 1 else 'have'}"


def splits_in_words(config: Config) -> str:
    """Lists the splits of the manifest and their uses, to reveal misspelt names."""
    data = config.data
    uses = {
        data.train_split: "to train on",
        data.validation_split: "to validate on",
        data.test_split: "to test on",
    }
    if data.validation_split is None and data.validation_fraction:
        uses[data.train_split] = f"to train on, {data.validation_fraction:.0%} of it to validate on"
    elif data.validation_split == data.train_split:
        uses[data.train_split] = "to train and to validate on"
    sizes = split_sizes(data.manifest)
    parts = [
        f"{name or 'no split'} {size:,} ({uses.get(name, 'not used')})"
        for name, size in sizes.items()
    ]
    return f"{data.manifest}: {', '.join(parts)}"


def validation_in_words(config: Config, train: Manifest, validation: Manifest | None) -> list[str]:
    """Returns lines about the validation split, and about groups or files shared by two splits."""
    data, lines = config.data, []
    if validation is None:
        return ["validation: none, all training videos are trained on", *_shared_files(config)]
    if data.validation_split is None:
        total = len(train) + len(validation)
        by = _held_out_by(data.hold_out, train, validation)
        lines.append(f"validation: {len(validation)} of {total} training videos, held out by {by}")
    shared = {*train.groups} & {*validation.groups} - {""}
    if shared and data.validation_split not in (None, data.train_split):
        splits = f"in {data.train_split} and in {data.validation_split}"
        lines.append(f"note: {len(shared)} groups have videos {splits}, {min(shared)} first")
    return [*lines, *_shared_files(config)]


def _shared_files(config: Config) -> list[str]:
    """Returns notes about files shared by two splits, and about their differing labels."""
    data, lines = config.data, []
    files = files_of(data.manifest)
    uses = dict.fromkeys((data.train_split, data.validation_split, data.test_split))
    for one, other in itertools.combinations(filter(files.__contains__, uses), 2):
        shared = files[one].keys() & files[other].keys()
        labels = {files[one][key][0]: (files[one][key][1], files[other][key][1]) for key in shared}
        if shared:
            lines.append(
                f"note: {len(shared)} files are in {one} and in {other}, {min(labels)} first"
            )
        differing = [path for path, both in labels.items() if not _are_one_label(*both)]
        if differing:
            first = min(differing)
            told = f"{first} first, {labels[first][0]!r} and {labels[first][1]!r}"
            lines.append(
                f"note: {len(differing)} of them have another label in {other} than in {one}, {told}"
            )
    return lines


def _are_one_label(one: str, other: str) -> bool:
    numbers = whole(one), whole(other)
    return composed(one) == composed(other) if None in numbers else numbers[0] == numbers[1]


def _held_out_by(by: HoldOut, train: Manifest, validation: Manifest) -> str:
    """Formats the units held out, as in `214 of 1071 groups`."""
    held, trained = (len(np.unique(units(videos, by))) for videos in (validation, train))
    if held + trained == len(train) + len(validation):
        return (
            "video"
            if train.groups or by == "video"
            else "video (the manifest has no column `group`)"
        )
    return f"{held} of {held + trained} {'groups' if train.groups and by == 'group' else 'files'}"
