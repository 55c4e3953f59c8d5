"""Bootstrap intervals: how far a figure could be off because the test set is finite."""

from collections.abc import Callable, Sequence

import numpy as np

from albar_jax.evaluation.metrics import Outcomes


def source_video(clip: str) -> str:
    """The video that a clip was made from: `jump_03__7` is copy 7 of `jump_03`."""
    video, _, copy = clip.rpartition("__")
    return video if video and copy.isdigit() else clip


def interval(
    sets: Sequence[Sequence[Outcomes]],
    *,
    reduce: Callable[..., np.ndarray] = np.mean,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the share of hits, one figure from those of all test sets.

    Source videos are drawn with replacement, and a drawn video brings all that was made of it: its copies, its
    clips on every background, and the answers of every training seed, because these are not independent. So the
    interval tells the chance in the choice of test videos; the chance in training is what the sd over seeds tells.

    Args:
      sets: for each test set (background), the outcomes of each run, in 0/1.
      reduce: makes the figure from the shares of the sets: `np.mean`, or `np.min`.
      level: share of the replicates inside the interval.
      replicates: number of draws.
      seed: the same seed gives the same interval.

    Returns:
      (low, high), in 0..1.
    """
    runs = list(zip(*sets, strict=True))
    sums, counts = _by_video([outcomes for run in runs for outcomes in run])
    videos = sums.shape[1]
    # Videos with equal sums and counts are exchangeable: drawing N videos is one multinomial draw over the kinds.
    kinds, sizes = np.unique(np.concatenate([sums, counts]), axis=1, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(videos, sizes / videos, size=replicates)
    drawn_sums, drawn_counts = np.split(draws @ kinds.T, 2, axis=1)
    # A draw may miss a small set altogether; there it says nothing, and only the others count.
    shares = np.where(drawn_counts > 0, drawn_sums / np.maximum(drawn_counts, 1), np.nan)
    # As the figure itself: of each run, then their mean.
    figures = reduce(shares.reshape(replicates, len(runs), len(sets)), axis=2).mean(axis=1)
    low, high = np.nanquantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _by_video(answers: Sequence[Outcomes]) -> tuple[np.ndarray, np.ndarray]:
    """Hits and clips of each (outcomes, video), int64 (N, V) both."""
    names = {source_video(clip) for outcomes in answers for clip in outcomes.ids}
    column = {name: index for index, name in enumerate(names)}
    sums, counts = np.zeros((2, len(answers), len(names)), np.int64)
    for row, outcomes in enumerate(answers):
        columns = [column[source_video(clip)] for clip in outcomes.ids]
        np.add.at(sums[row], columns, outcomes.values)
        np.add.at(counts[row], columns, 1)
    return sums, counts
