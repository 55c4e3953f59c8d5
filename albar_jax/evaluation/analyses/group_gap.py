"""Tests by permutation whether the choice of videos explains the gap between groups of clips.

Under the null hypothesis every source video could be in any group. So the groups of the videos are
permuted, and a gap at least as large is counted. All clips of a video move together. The models are
taken as given, and so are the classes: a gap may come from a group with more difficult classes.
"""

import numpy as np

from albar_jax.evaluation.bootstrap import unique_columns

# Number of permutations.
DRAWS = 9999
# Gaps that differ by less are equal up to rounding.
_ROUNDING = 1e-9
# Permuting a video costs about as much as this share of drawing a cell of a contingency table.
_COST_OF_VIDEO = 0.1
# Numbers in memory at a time.
_CHUNK = 4_000_000


def p_value(
    hits: np.ndarray, clips: np.ndarray, group: np.ndarray, *, draws: int = DRAWS, seed: int = 0
) -> float:
    """Returns the p-value of the largest gap between the accuracies of two groups.

    Args:
      hits: int (R, V), correct clips of each run and source video.
      clips: int (R, V), clips of each run and source video.
      group: int (V,), group of each video, 0..G-1; each group has a video.
      draws: number of permutations.
      seed: random seed.

    Returns:
      The share of permutations with a gap at least as large. The observed groups count as one of
      them, so it is at least 1 / (draws + 1). (Phipson and Smyth 2010)
    """
    sizes = np.bincount(group)
    indicator = np.eye(len(sizes))[group]
    observed = mean_gap((hits @ indicator)[None], (clips @ indicator)[None])[0]

    # Videos with the same outcomes are exchangeable, so only their number in each group matters.
    kinds, members = unique_columns(np.concatenate([hits, clips]))
    generator = np.random.default_rng(seed)
    by_kind = _COST_OF_VIDEO * len(group) >= len(members) * len(sizes)
    size_of_draw = len(members) * len(sizes) if by_kind else len(group)
    at_once = max(1, _CHUNK // size_of_draw)

    num_extreme = 1
    for first in range(0, draws, at_once):
        count = min(at_once, draws - first)
        if by_kind:
            tables = _drawn_tables(sizes, members, count, generator)
            # (draws, groups, kinds) @ (kinds, 2 R), then (draws, 2 R, groups).
            sums = np.swapaxes(tables @ kinds.T, 1, 2)
        else:
            sums = _permuted_sums(hits, clips, group, count, generator)
        gaps = mean_gap(*np.split(sums, 2, axis=1))
        num_extreme += np.count_nonzero(gaps >= observed - _ROUNDING)

    return num_extreme / (draws + 1)


def mean_gap(hits: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """Returns the gap between the best and the worst group, averaged over runs, float64 (S,).

    Args:
      hits: (S, R, G), correct clips of each sample, run and group.
      clips: (S, R, G), clips of the same.
    """
    has_clips = clips > 0
    shares = np.where(has_clips, hits / np.maximum(clips, 1), np.nan)
    return (np.nanmax(shares, axis=2) - np.nanmin(shares, axis=2)).mean(axis=1)


def _drawn_tables(
    sizes: np.ndarray, members: np.ndarray, draws: int, generator: np.random.Generator
) -> np.ndarray:
    """Draws how many videos of each kind are in each group, int64 (draws, groups, kinds)."""
    tables = np.zeros((draws, len(sizes), len(members)), np.int64)
    remaining = np.tile(members, (draws, 1))
    # The last group gets the rest.
    for group, size in enumerate(sizes[:-1]):
        to_draw = np.full(draws, size)
        others = remaining.sum(axis=1)
        for kind in range(len(members)):
            others = others - remaining[:, kind]
            drawn = generator.hypergeometric(remaining[:, kind], others, to_draw)
            tables[:, group, kind] = drawn
            to_draw = to_draw - drawn
        remaining = remaining - tables[:, group]

    tables[:, -1] = remaining
    return tables


def _permuted_sums(
    hits: np.ndarray,
    clips: np.ndarray,
    group: np.ndarray,
    draws: int,
    generator: np.random.Generator,
) -> np.ndarray:
    """Permutes the groups of the videos; returns hits and clips of each, (draws, 2 R, groups)."""
    columns = np.concatenate([hits, clips]).T.astype(np.float64)
    permuted = generator.permuted(np.tile(group, (draws, 1)), axis=1)
    of_groups = [(permuted == number) @ columns for number in range(group.max() + 1)]
    return np.stack(of_groups, axis=2)
