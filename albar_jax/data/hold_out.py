"""Draws validation videos from a training split and keeps clips of one source together."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Bool, Int

# Passes over all groups that improve the shares; few are needed.
_PASSES = 5


def join(*columns: Sequence[Hashable | None]) -> Int[np.ndarray, " n"]:
    """Groups the rows that share a value in any column, directly or through other rows.

    Args:
      *columns: values of each row; None never matches.

    Returns:
      The group number of each row, from 0, int (n,).
    """
    # A union-find forest: each row points to a row of its group with a smaller number, or to
    # itself.
    parent = list(range(len(columns[0])))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in columns:
        # All values are different, so nothing matches.
        if len(set(column)) == len(column):
            continue

        first: dict[Hashable, int] = {}
        for row, value in enumerate(column):
            if value is not None:
                one = root(row)
                other = root(first.setdefault(value, row))
                parent[max(one, other)] = min(one, other)

    roots = [root(row) for row in range(len(parent))]

    return np.unique(roots, return_inverse=True)[1].reshape(-1)


def draw_groups(
    labels: Int[np.ndarray, " n"], groups: Int[np.ndarray, " n"], fraction: float, seed: int
) -> Bool[np.ndarray, " n"]:
    """Draws groups at random so that each class has about the share `fraction`.

    Groups are added in random order as long as they bring the classes closer to their share. Then a
    class without a drawn row gets the group of the lowest cost. No class loses its last
    training row.

    Args:
      labels: class of each row.
      groups: group of each row, from 0.
      fraction: share to draw, between 0 and 1.
      seed: random seed of the order.

    Returns:
      A mask of the drawn rows, bool (n,); all False if every group is the only one of a class.
    """
    counts: list[dict[int, int]] = [{} for _ in range(int(groups.max()) + 1)]
    for label, group in zip(labels.tolist(), groups.tolist(), strict=True):
        counts[group][label] = counts[group].get(label, 0) + 1

    draw = _Draw(counts, np.bincount(labels), fraction)
    order = np.random.default_rng(seed).permutation(len(counts)).tolist()

    # This pass only adds groups; the next passes may also remove some.
    for group in order:
        draw.flip_if_better(group)

    for _ in range(_PASSES):
        flipped = [group for group in order if draw.flip_if_better(group)]
        if not flipped:
            break

    draw.serve_all_classes(order)

    return np.array(draw.chosen)[groups]


class _Draw:
    """The groups chosen so far, and their row counts by class.

    Args:
      counts: for each group, the number of its rows by class.
      sizes: number of rows of each class.
      fraction: share to draw, between 0 and 1.

    Attributes:
      chosen: whether each group is chosen.
    """

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
        # A margin for rounding, so that the passes end.
        is_better = self._cost(group) < -1e-9 and self._leaves_all(group)
        if is_better:
            self._flip(group)
        return is_better

    def serve_all_classes(self, order: Sequence[int]) -> None:
        """Adds a group for each class without one, unless a class needs it for training."""
        of_class: dict[int, list[int]] = {}
        for group in order:
            for label in self._counts[group]:
                of_class.setdefault(label, []).append(group)

        # Classes with few groups choose first.
        for label in sorted(of_class, key=lambda label: (len(of_class[label]), label)):
            if self._held[label]:
                continue

            free = [group for group in of_class[label] if self._leaves_all(group)]
            if free:
                self._flip(min(free, key=self._cost))

    def _sign(self, group: int) -> int:
        """Returns 1 if a flip adds the group, -1 if it removes it."""
        if self.chosen[group]:
            return -1
        return 1

    def _cost(self, group: int) -> float:
        """Returns the change of the squared distances from the shares if a group is flipped."""
        sign = self._sign(group)
        return sum(
            count * (count + 2 * sign * (self._held[label] - self._wanted[label]))
            for label, count in self._counts[group].items()
        )

    def _leaves_all(self, group: int) -> bool:
        """Returns whether each class has a training row left after a flip."""
        if self.chosen[group]:
            return True
        return all(
            self._held[label] + count < self._sizes[label]
            for label, count in self._counts[group].items()
        )

    def _flip(self, group: int) -> None:
        sign = self._sign(group)
        for label, count in self._counts[group].items():
            self._held[label] += sign * count
        self.chosen[group] = not self.chosen[group]
