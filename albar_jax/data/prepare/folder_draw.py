"""Draws the test split of a folder of videos that has no split folders."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from albar_jax.data.hold_out import draw_groups, join
from albar_jax.data.prepare.base import Item, labels_of
from albar_jax.data.prepare.groups import with_groups
from albar_jax.data.same_file import file_keys


def draw_test_split(
    items: Sequence[Item], fraction: float, seed: int
) -> tuple[list[Item], list[str]]:
    """Draws a share of each class as test videos: at least one video, and not all.

    Clips of the same source, and paths that name the same file, are in the same split.

    Args:
      items: the videos, without splits.
      fraction: share of each class, above 0 and below 1.
      seed: random seed.

    Returns:
      items: the videos with their splits.
      notes: sentences for the user.
    """
    # Clips of one source in both splits would make the test too easy.
    items = with_groups(items)
    keys = file_keys([item.path for item in items])
    groups = join(keys, [item.group or None for item in items])

    if len(set(groups.tolist())) < len(items):
        return _draw_by_group(items, groups, fraction, seed)
    return _draw_by_video(items, fraction, seed)


def _draw_by_group(
    items: Sequence[Item], groups: Int[np.ndarray, " n"], fraction: float, seed: int
) -> tuple[list[Item], list[str]]:
    """Draws whole groups of clips of one source; see `draw_test_split`."""
    # The draw needs class numbers.
    labels = np.unique([item.label for item in items], return_inverse=True)[1].reshape(-1)
    is_tested = draw_groups(labels, groups, fraction, seed)

    drawn = []
    for item, test in zip(items, is_tested, strict=True):
        drawn.append(dataclasses.replace(item, split="test" if test else "train"))

    notes = [
        f"the test split is drawn by {len(set(groups.tolist()))} groups of clips of one source"
    ]
    tested = {item.label for item in drawn if item.split == "test"}
    lacking = sorted(labels_of(drawn) - tested)
    if lacking:
        notes.append(
            f"{len(lacking)} classes have one source and none to test on, {lacking[0]} first"
        )
    return drawn, notes


def _draw_by_video(
    items: Sequence[Item], fraction: float, seed: int
) -> tuple[list[Item], list[str]]:
    """Draws single videos; see `draw_test_split`."""
    split_of: dict[str, str] = {}
    single = []
    for number, (name, members) in enumerate(_by_class(items).items()):
        # A separate generator for each class: a new class does not change the draws of others
        # before it.
        order = np.random.default_rng([seed, number]).permutation(len(members))
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        for place in order[:count]:
            split_of[members[place].path] = "test"
        for place in order[count:]:
            split_of[members[place].path] = "train"

        # A class with one video keeps it for training.
        if len(members) == 1:
            single.append(name)

    notes = []
    if single:
        notes.append(f"{len(single)} classes have one video and none to test on, {single[0]} first")
    return [dataclasses.replace(item, split=split_of[item.path]) for item in items], notes


def _by_class(items: Iterable[Item]) -> Mapping[str, list[Item]]:
    classes: dict[str, list[Item]] = {}
    for item in items:
        classes.setdefault(item.label, []).append(item)
    return classes
