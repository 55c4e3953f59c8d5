"""Tests by permutation whether the choice of test videos explains a difference of two models."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation.bootstrap import source_video
from albar_jax.evaluation.metrics import Outcomes

# If the models differ on at most this many videos, all 2^n relabellings are counted. This is as
# fast as drawing a sample.
_MAX_EXACT = 13
# Sums that differ by less than this are equal up to rounding.
_ROUNDING = 1e-9

# Outcome of each clip of a test set by id, averaged over runs.
ClipMeans = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Difference:
    """The difference of two models on the clips that both predicted.

    Attributes:
      value: first minus second figure, -1 to 1.
      p_value: p-value of this pair alone: the share of relabellings with a difference at least as
        large, two-sided. If seeds count, the larger of this share and the p-value of `seed_spread`.
      videos: number of source videos on which the two differ; only these carry information.
      exact: whether all relabellings were counted instead of a sample.
      unpaired: number of clips that only one of the models has in all its runs. They do not count.
      variance: variance of `value` under the relabellings.
      p_adjusted: `p_value` corrected for the number of pairs; set by `comparison.compare_all`.
      seeds_count: whether `p_value` includes the spread over training seeds.
    """

    value: float
    p_value: float
    videos: int
    exact: bool
    unpaired: int
    variance: float = 0.0
    p_adjusted: float = 1.0
    seeds_count: bool = False


def difference(
    sets: Sequence[tuple[ClipMeans, ClipMeans]], *, draws: int, seed: int = 0
) -> Difference | None:
    """Tests the difference of two figures: means over test sets, clips and seeds.

    Under the null hypothesis the models' labels can be swapped on any source video. A swap includes
    all copies, backgrounds and training seeds of the video, because these are not independent.
    Training seeds are taken as given; `seed_spread` adds their spread.

    Args:
      sets: clip means of the first and of the second model on each test set, see `clip_means`.
      draws: number of random relabellings if there are too many to count all. p is then at least
        1 / (draws + 1); without draws it is 0.
      seed: random seed of the relabellings.

    Returns:
      The difference, or None if the models share no clip in a test set.
    """
    unpaired = 0
    for first, second in sets:
        if not first.keys() & second.keys():
            return None
        unpaired += len(first.keys() ^ second.keys())

    # A swap of the labels on a video changes the sign of its weight.
    weights = _weights(sets)
    # Videos on which the models agree do not change the sum.
    differing = weights[np.abs(weights) > _ROUNDING]
    threshold = abs(weights.sum()) - _ROUNDING
    exact = len(differing) <= _MAX_EXACT
    if exact:
        sums = _all_sums(differing)
        p_value = np.count_nonzero(np.abs(sums) >= threshold) / len(sums)
    else:
        sums = _drawn_sums(differing, draws, seed)
        # The observed labels count as one draw, so that p is never 0. (Phipson and Smyth 2010)
        num_extreme = np.count_nonzero(np.abs(sums) >= threshold) + bool(draws)
        p_value = num_extreme / (draws + 1)

    return Difference(
        value=float(weights.sum()),
        p_value=float(p_value),
        videos=len(differing),
        exact=exact,
        unpaired=unpaired,
        variance=float(np.square(weights).sum()),
    )


def clip_means(runs: Sequence[Outcomes]) -> ClipMeans:
    """Averages the outcomes of each clip over runs, for the clips that all runs have."""
    # The usual case is fast: all runs have the same clips in the same order.
    first = runs[0]
    if all(outcomes.ids == first.ids for outcomes in runs):
        means = np.mean([outcomes.values for outcomes in runs], axis=0)
        return dict(zip(first.ids, means.tolist(), strict=True))

    tables = []
    for outcomes in runs:
        tables.append(dict(zip(outcomes.ids, outcomes.values.tolist(), strict=True)))

    means = {}
    for clip in set.intersection(*map(set, tables)):
        means[clip] = sum(table[clip] for table in tables) / len(tables)
    return means


def _weights(sets: Sequence[tuple[ClipMeans, ClipMeans]]) -> np.ndarray:
    """Returns the contribution of each source video to the difference, float64 (V,)."""
    weights: dict[str, float] = {}
    for first, second in sets:
        # The order must not depend on hashing, because it changes the rounding of sums.
        common = sorted(first.keys() & second.keys())
        for clip in common:
            video = source_video(clip)
            share = (first[clip] - second[clip]) / len(common) / len(sets)
            weights[video] = weights.get(video, 0.0) + share

    return np.array(list(weights.values()))


def _all_sums(values: np.ndarray) -> np.ndarray:
    """Returns the sums of `values` (N,) under all choices of signs, (2^N,)."""
    sums = np.zeros(1)
    # Each video doubles the number of sums.
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_sums(values: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Returns the sums of `values` (N,) under random signs, (draws,)."""
    # Videos of equal weight are exchangeable: the signs of n of them sum to 2 Binomial(n, 1/2) - n.
    # The absolute value makes p independent of the order of the two models.
    kinds, sizes = np.unique(np.abs(values).round(12), return_counts=True)
    heads = np.random.default_rng(seed).binomial(sizes, 0.5, size=(draws, len(sizes)))
    return (2 * heads - sizes) @ kinds
