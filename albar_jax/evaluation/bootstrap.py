"""Computes bootstrap intervals: the uncertainty of a figure due to the finite test set."""

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from albar_jax.evaluation.metrics import Outcomes

# Number of counts that are drawn at once: 32 MB.
_LARGEST_DRAW = 1 << 22


# Every figure asks for the video of every clip.
@functools.lru_cache(maxsize=1 << 18)
def source_video(clip: str) -> str:
    """Returns the id of the video that a clip was made from.

    `jump_03__7` is copy 7 of `jump_03`. An id without such a number is its own source video.
    """
    video, _, copy = clip.rpartition("__")
    if video and copy.isdigit():
        return video

    return clip


def interval(
    sets: Sequence[Sequence[Outcomes]],
    *,
    reduce: Callable[..., np.ndarray] = np.mean,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Computes the percentile bootstrap interval of a figure, given as a share of hits.

    Source videos are drawn with replacement. A drawn video contributes all its copies, its clips on
    every background, and the predictions of every training seed, because these are not independent.
    The interval therefore covers the choice of test videos. The standard deviation over seeds
    covers the training.

    Args:
      sets: outcomes of each run on each test set, [set][run].
      reduce: reduction of the shares over test sets, such as `np.mean` or `np.min`.
      level: share of the replicates inside the interval, 0 to 1.
      replicates: number of bootstrap samples.
      seed: random seed; the same seed gives the same interval.

    Returns:
      (low, high), 0 to 1.
    """
    # Like the figure itself: reduce over the sets of each run, then average over runs.
    shares = replicate_shares(sets, replicates=replicates, seed=seed)
    return quantiles(reduce(shares, axis=2).mean(axis=1), level=level)


def quantiles(figures: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Returns the middle `level` of the replicates of a figure, float (S,), without NaN."""
    low, high = np.nanquantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def replicate_shares(
    sets: Sequence[Sequence[Outcomes]], *, replicates: int = 2000, seed: int = 0
) -> np.ndarray:
    """Draws source videos with replacement, and returns the share of hits in each sample.

    Args:
      sets: outcomes of each run on each test set, [set][run].
      replicates: number of bootstrap samples, S.
      seed: random seed.

    Returns:
      float64 (S, runs, sets), 0 to 1; NaN for a set without a drawn video.
    """
    runs = list(zip(*sets, strict=True))
    sums, counts = _by_video(list(itertools.chain.from_iterable(runs)))
    num_videos = sums.shape[1]

    # Videos with equal sums and counts are exchangeable. Drawing N videos is therefore one
    # multinomial draw over the distinct columns.
    columns, sizes = unique_columns(np.concatenate([sums, counts]))
    generator = np.random.default_rng(seed)
    # Floats are multiplied faster than integers, and these are exact.
    table = columns.T.astype(float)
    drawn = np.empty((replicates, table.shape[1]))
    chunk = max(1, _LARGEST_DRAW // len(sizes))
    for start in range(0, replicates, chunk):
        size = min(chunk, replicates - start)
        draws = generator.multinomial(num_videos, sizes / num_videos, size=size)
        drawn[start : start + size] = draws.astype(float) @ table
    drawn_sums, drawn_counts = np.split(drawn, 2, axis=1)

    # A sample may contain no video of a small set. It then has no share and is skipped later.
    shares = np.where(drawn_counts > 0, drawn_sums / np.maximum(drawn_counts, 1), np.nan)
    return shares.reshape(replicates, len(runs), len(sets))


def unique_columns(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the different columns of a table in lexicographic order, and their numbers.

    It equals `np.unique` along axis 1, but is much faster for small numbers.

    Args:
      table: int64 (N, V), at least 0.

    Returns:
      int64 (N, U) and int64 (U,).
    """
    # Each column is a number whose digits are its entries.
    code = np.zeros(table.shape[1], np.int64)
    size = 1
    for row in table:
        base = int(row.max(initial=0)) + 1
        size *= base
        if size >= 1 << 62:
            return np.unique(table, axis=1, return_counts=True)
        code = code * base + row

    _, places, counts = np.unique(code, return_index=True, return_counts=True)
    return table[:, places], counts


def interval_of_means(
    runs: Sequence[tuple[Sequence[str], np.ndarray]],
    *,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Computes the percentile bootstrap interval of a mean of real numbers.

    Source videos are drawn as in `interval`.

    Args:
      runs: ids of the clips of each run, and a number for each clip, float (N,).
      level: share of the replicates inside the interval, 0 to 1.
      replicates: number of bootstrap samples.
      seed: random seed; the same seed gives the same interval.

    Returns:
      (low, high), in units of the numbers.
    """
    column_of: dict[str, int] = {}
    for ids, _ in runs:
        for clip in ids:
            column_of.setdefault(source_video(clip), len(column_of))
    num_videos = len(column_of)

    generator = np.random.default_rng(seed)
    means = np.zeros((len(runs), replicates))
    draws = generator.multinomial(num_videos, np.full(num_videos, 1 / num_videos), size=replicates)
    for row, (ids, values) in enumerate(runs):
        columns = [column_of[source_video(clip)] for clip in ids]
        sums = np.bincount(columns, weights=values, minlength=num_videos)
        counts = np.bincount(columns, minlength=num_videos)
        drawn = draws @ counts
        # A sample may contain no video of a run. It then has no mean and is skipped below.
        means[row] = np.where(drawn > 0, draws @ sums / np.maximum(drawn, 1), np.nan)

    low, high = np.nanquantile(means.mean(axis=0), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _by_video(outcomes_of_all: Sequence[Outcomes]) -> tuple[np.ndarray, np.ndarray]:
    """Counts hits and clips by (outcomes, source video), both int64 (N, V)."""
    # Source videos get columns in the order of their first clip.
    column_of: dict[str, int] = {}
    for outcomes in outcomes_of_all:
        for clip in outcomes.ids:
            column_of.setdefault(source_video(clip), len(column_of))

    sums, counts = np.zeros((2, len(outcomes_of_all), len(column_of)), np.int64)
    for row, outcomes in enumerate(outcomes_of_all):
        columns = [column_of[source_video(clip)] for clip in outcomes.ids]
        # `bincount` adds up the clips of one video.
        counts[row] = np.bincount(columns, minlength=len(column_of))
        sums[row] = np.bincount(columns, weights=outcomes.values, minlength=len(column_of))

    return sums, counts
