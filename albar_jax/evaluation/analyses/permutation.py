"""Paired permutation test: could the difference of two models be chance in the choice of test videos?"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from albar_jax.evaluation.bootstrap import source_video
from albar_jax.evaluation.metrics import Outcomes

# Up to so many videos on which the models differ, all 2^n ways are counted, which is as fast as drawing some.
_MAX_EXACT = 13
# Sums that are equal but for rounding are equal.
_HAIR = 1e-9

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
      unpaired: number of clips that only one of the models has in all its runs; they do not count.
      variance: variance of `value` under the relabellings.
      p_adjusted: `p_value` corrected for the number of pairs on the page; set by `comparison.compare_all`.
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
    first: Sequence[Sequence[Outcomes]],
    second: Sequence[Sequence[Outcomes]],
    *,
    draws: int = 9999,
    seed: int = 0,
) -> Difference | None:
    """Tests the difference of the means over test sets, each a mean over clips, seeds averaged.

    Under the null hypothesis the models' labels can be swapped on any source video. A swap includes
    all copies, backgrounds and training seeds of the video, because these are not independent.
    Training seeds are taken as given; `seed_spread` adds their spread.

    Args:
      first: outcomes of each run of the first model on each test set.
      second: the same for the second model, with any number of runs.
      draws: number of random relabellings if there are too many to count all; p is then at least 1
        / (draws + 1).
      seed: random seed of the relabellings.

    Returns:
      The difference, or None if the models share no clip in a test set.
    """
    pairs = [
        (clip_means(ours), clip_means(theirs)) for ours, theirs in zip(first, second, strict=True)
    ]
    return of_means(pairs, draws=draws, seed=seed)


def of_means(
    sets: Sequence[tuple[ClipMeans, ClipMeans]], *, draws: int = 9999, seed: int = 0
) -> Difference | None:
    """Tests the difference, given each clip's outcome averaged over the runs of each model.

    Without draws, p is 0 if there are too many relabellings to count all.
    """
    if not all(ours.keys() & theirs.keys() for ours, theirs in sets):
        return None
    weights = _weights(sets)
    differing = weights[np.abs(weights) > _HAIR]
    exact = len(differing) <= _MAX_EXACT
    sums = _all_sums(differing) if exact else _drawn_sums(differing, draws, seed)

    extreme = np.count_nonzero(np.abs(sums) >= abs(weights.sum()) - _HAIR)
    # A sample counts the observed labels as one of the draws: p is never 0. (Phipson and Smyth 2010)
    p_value = extreme / len(sums) if exact else (extreme + bool(draws)) / (draws + 1)
    unpaired = sum(len(ours.keys() ^ theirs.keys()) for ours, theirs in sets)
    return Difference(
        value=float(weights.sum()),
        p_value=float(p_value),
        videos=len(differing),
        exact=exact,
        unpaired=unpaired,
        variance=float(np.square(weights).sum()),
    )


def clip_means(runs: Sequence[Outcomes]) -> ClipMeans:
    """Mean over the runs, for the clips that all of them have."""
    if all(outcomes.ids == runs[0].ids for outcomes in runs):
        means = np.mean([outcomes.values for outcomes in runs], axis=0)
        return dict(zip(runs[0].ids, means.tolist(), strict=True))
    tables = [dict(zip(outcomes.ids, outcomes.values.tolist(), strict=True)) for outcomes in runs]
    return {
        clip: sum(table[clip] for table in tables) / len(tables)
        for clip in set.intersection(*map(set, tables))
    }


def _weights(sets: Sequence[tuple[ClipMeans, ClipMeans]]) -> np.ndarray:
    """What each source video adds to the difference, (V,)."""
    weights: dict[str, float] = {}
    for ours, theirs in sets:
        both = sorted(ours.keys() & theirs.keys())
        for clip in both:
            video, share = source_video(clip), (ours[clip] - theirs[clip]) / len(both) / len(sets)
            weights[video] = weights.get(video, 0.0) + share
    return np.array(list(weights.values()))


def _all_sums(values: np.ndarray) -> np.ndarray:
    """The sums of `values` (N,) under all 2^N choices of signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _drawn_sums(values: np.ndarray, draws: int, seed: int) -> np.ndarray:
    # Videos of equal weight are exchangeable: the signs of n of them sum to 2 Binomial(n, 1/2) - n.
    # A sign more or less makes no difference: so the order of the two models makes none to p.
    kinds, sizes = np.unique(np.abs(values).round(12), return_counts=True)
    heads = np.random.default_rng(seed).binomial(sizes, 0.5, size=(draws, len(sizes)))
    return (2 * heads - sizes) @ kinds
