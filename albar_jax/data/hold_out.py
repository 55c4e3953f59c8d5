"""Which videos of a training split are held out for validation, so that the clips of one source stay together."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Bool, Int

_PASSES = 5  # over all groups, in search of shares that fit better; few are needed


def join(*columns: Sequence[Hashable | None]) -> Int[np.ndarray, " n"]:
    """Returns the group of each row, from 0: rows that share a value of any column are in one group.

    None shares nothing.
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
    """Draws groups whose rows are, in each class, as near to a share of `fraction` as groups allow.

    Groups are taken in a random order as long as they bring the classes nearer to their share. A class that then has
    no row to validate on gets the group that costs least. No class loses its last row to train on.

    Args:
      labels: class of each row.
      groups: group of each row, from 0.
      fraction: between 0 and 1.
      seed: of the order.

    Returns:
      Which rows are held out; none where every group is the only one of a class.
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
    """Which groups are chosen so far, and how many rows of each class these have."""

    def __init__(self, counts: Sequence[dict[int, int]], sizes: Int[np.ndarray, " k"], fraction: float):
        self.chosen = [False] * len(counts)
        self._counts = counts
        self._sizes = sizes.tolist()
        self._wanted = (fraction * sizes).tolist()
        self._held = [0] * len(sizes)

    def flip_if_better(self, group: int) -> bool:
        """Takes a group, or gives it back, if all classes together are then nearer to their shares."""
        better = self._cost(group) < -1e-9 and self._leaves_all(group)
        if better:
            self._flip(group)
        return better

    def serve_all_classes(self, order: Sequence[int]) -> None:
        """Takes a group of each class that has none, where there is one that no class needs for training."""
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
        """Returns by how much the sum of squared distances from the shares grows if the group is flipped."""
        sign = self._sign(group)
        return sum(
            count * (count + 2 * sign * (self._held[label] - self._wanted[label]))
            for label, count in self._counts[group].items()
        )

    def _leaves_all(self, group: int) -> bool:
        return self.chosen[group] or all(
            self._held[label] + count < self._sizes[label] for label, count in self._counts[group].items()
        )

    def _flip(self, group: int) -> None:
        sign = self._sign(group)
        for label, count in self._counts[group].items():
            self._held[label] += sign * count
        self.chosen[group] = not self.chosen[group]
