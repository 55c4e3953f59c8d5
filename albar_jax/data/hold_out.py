"""Draws validation videos from a training split and keeps clips of one source together."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Bool, Int

# Passes over all groups that improve the shares; few are needed.
_PASSES = 5


def join(*columns: Sequence[Hashable | None]) -> Int[np.ndarray, " n"]:
    """Returns the group of each row, from 0: rows that share a value in any column.

    None never matches.
    """
    parent = list(range(len(columns[0])))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in columns:
        if len(set(column)) == len(column):
            continue
        first: dict[Hashable, int] = {}
        for row, value in enumerate(column):
            if value is not None:
                one, other = root(row), root(first.setdefault(value, row))
                parent[max(one, other)] = min(one, other)

    roots = [root(row) for row in range(len(parent))]

    return np.unique(roots, return_inverse=True)[1].reshape(-1)


def draw_groups(
    labels: Int[np.ndarray, " n"], groups: Int[np.ndarray, " n"], fraction: float, seed: int
) -> Bool[np.ndarray, " n"]:
    """Draws groups so that the share of each class is as close to `fraction` as the groups allow.

    Groups are added in random order while they bring the classes closer to their share. A class
    without a validation row then gets the group of the lowest cost. No class loses its last
    training row.

    Args:
      labels: class of each row.
      groups: group of each row, from 0.
      fraction: share to draw, between 0 and 1.
      seed: random seed of the order.

    Returns:
      A mask of the drawn rows, all False if every group is the only one of a class.
    """
    counts: list[dict[int, int]] = [{} for _ in range(int(groups.max()) + 1)]
    for label, group in zip(labels.tolist(), groups.tolist(), strict=True):
        counts[group][label] = counts[group].get(label, 0) + 1

    draw = _Draw(counts, np.bincount(labels), fraction)
    order = np.random.default_rng(seed).permutation(len(counts)).tolist()
    for group in order:
        draw.flip_if_better(group)
    for _ in range(_PASSES):
        if not sum(draw.flip_if_better(group) for group in order):
            break

    draw.serve_all_classes(order)

    return np.array(draw.chosen)[groups]


class _Draw:
    """The groups chosen so far, and their row counts by class."""

    def __init__(
        self, counts: Sequence[dict[int, int]], sizes: Int[np.ndarray, " k"], fraction: float
    ):
        self.chosen = [False] * len(counts)
        self._counts = counts
        self._sizes = sizes.tolist()
        self._wanted = (fraction * sizes).tolist()
        self._held = [0] * len(sizes)

    def flip_if_better(self, group: int) -> bool:
        """Adds or removes a group if this brings the classes closer to their shares in total."""
        better = self._cost(group) < -1e-9 and self._leaves_all(group)
        if better:
            self._flip(group)
        return better

    def serve_all_classes(self, order: Sequence[int]) -> None:
        """Adds a group for each class without one, unless a class needs it for training."""
        of_class: dict[int, list[int]] = {}
        for group in order:
            for label in self._counts[group]:
                of_class.setdefault(label, []).append(group)

        for label in sorted(of_class, key=lambda label: (len(of_class[label]), label)):
            if self._held[label]:
                continue
            free = [group for group in of_class[label] if self._leaves_all(group)]
            if free:
                self._flip(min(free, key=self._cost))

    def _sign(self, group: int) -> int:
        return -1 if self.chosen[group] else 1

    def _cost(self, group: int) -> float:
        """Returns the change of the squared distances from the shares if a group is flipped."""
        sign = self._sign(group)
        return sum(
            count * (count + 2 * sign * (self._held[label] - self._wanted[label]))
            for label, count in self._counts[group].items()
        )

    def _leaves_all(self, group: int) -> bool:
        return self.chosen[group] or all(
            self._held[label] + count < self._sizes[label]
            for label, count in self._counts[group].items()
        )

    def _flip(self, group: int) -> None:
        sign = self._sign(group)
        for label, count in self._counts[group].items():
            self._held[label] += sign * count
        self.chosen[group] = not self.chosen[group]
