"""Describes a prepared data set for the user, and composes the command that uses it."""

import collections
from collections.abc import Collection, Sequence
from pathlib import Path

from albar_jax.data.prepare.base import DataSet, Item, Listing
from albar_jax.data.prepare.output import Output
from albar_jax.terminal.escapes import shell_word

_SPLITS = ("train", "val", "test")


def summary(data_set: DataSet, listing: Listing, items: Sequence[Item]) -> list[str]:
    """Describes a data set for the user.

    Args:
      data_set: the data set.
      listing: the contents of the data set on disk.
      items: the videos in the manifest.

    Returns:
      Lines with the counts and their differences to the published data set.
    """
    counts = collections.Counter(item.split for item in items)
    number = len(listing.classes)
    splits = ", ".join(f"{split} {counts[split]:,}" for split in _SPLITS if split in counts)
    lines = [f"{data_set.title}: {len(items):,} videos of {number:,} classes: {splits}"]

    # Counts differ for incomplete downloads and for other releases.
    differing = []
    for split, count in listing.published.items():
        if counts[split] != count:
            differing.append(f"{split} {count:,}")
    if differing:
        lines.append(f"note: the published data set has {', '.join(differing)}")
    if data_set.num_classes not in (None, number):
        lines.append(f"note: the published data set has {data_set.num_classes} classes")

    # Such videos would be tested after they were trained on.
    in_splits = {(item.path, item.split) for item in items}
    shared = len(in_splits) - len({item.path for item in items})
    if shared:
        lines.append(f"note: {shared} videos are in more than one split")
    return lines


def next_command(output: Output, items: Sequence[Item], num_classes: int) -> str:
    """Returns the command that uses the manifest.

    Args:
      output: the files of the data set.
      items: the videos in the manifest.
      num_classes: number of classes in the manifest.

    Returns:
      The data set's own command, or one that trains if there is a training split, and evaluates
      otherwise.
    """
    if output.data_set.command:
        return output.data_set.command.format(manifest=shell_word(str(output.manifest)))

    config = output.data_set.config
    run = f"runs/{config}/albar"
    if not output.is_main:
        return f"albar evaluate --workdir {run} --out {run}/evaluation"

    # A data set without a training split can only be evaluated.
    splits = {item.split for item in items}
    changes = _config_changes(output, splits, num_classes)
    flags = [shell_word(f"--config.{name}={value}") for name, value in changes.items()]
    if "train" in splits:
        return " ".join(["albar train --config", config, *flags, f"--workdir {run}"])
    return " ".join(["albar evaluate --weights FILE --config", config, *flags, f"--out {run}"])


def _config_changes(output: Output, splits: Collection[str], num_classes: int) -> dict[str, str]:
    """Returns the fields of the config that must differ from its defaults, with their values."""
    config = output.data_set.config
    # Only fields that differ from the config are named, to keep the command short.
    changes = {}
    if output.manifest.absolute() != Path("data", config, "manifest.csv").absolute():
        changes["data.manifest"] = str(output.manifest)
    if output.data_set.num_classes not in (None, num_classes):
        changes["model.num_classes"] = str(num_classes)

    # Kinetics is tested on its validation split.
    test_split = "val" if config == "kinetics400" else "test"
    other_splits = {"val", "test"} & set(splits)
    if test_split not in splits and other_splits:
        changes["data.test_split"] = min(other_splits)
    elif {"train", test_split, "val"} <= set(splits) and test_split != "val":
        changes["data.validation_split"] = "val"
    return changes
