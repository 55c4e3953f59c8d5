"""Tests a difference of two models, given the variance over test videos and training seeds.

The difference of two means over seeds has two independent sources of chance. The permutation test
gives the variance over test videos. The variance over training seeds is the variance of the seeds'
figures divided by their number. Few seeds estimate it badly, so it is pooled over all models of the
table. This assumes a normal distribution with the same spread for all models. A model that varies
more than the pool keeps its own variance.

The p-value is the smallest level a at which d^2 >= z(a)^2 videos + t(a)^2 seeds. Here z is the
normal quantile, and t is Student's quantile with the pooled degrees of freedom. Such a test rejects
at most a share a of true ties, whatever the ratio of the two variances. (Banerjee, Biometrika 1960)
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.special

from albar_jax.evaluation.bootstrap import source_video
from albar_jax.evaluation.metrics import Outcomes

# Steps of the bisection for log10 of p, from -16 to 0.
_STEPS = 60
_SMALLEST = -16.0


@dataclasses.dataclass(frozen=True)
class SeedFigures:
    """The figures of a model's runs in one row.

    Attributes:
      figures: float64 (R,), figure of each run, 0 to 1.
      noise: variance of `figures` due to the test videos; 0 for a single run.
    """

    figures: np.ndarray
    noise: float

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the variance over runs."""
        return len(self.figures) - 1

    @property
    def variance(self) -> float:
        """Variance over runs; 0 for a single run."""
        return float(self.figures.var(ddof=1)) if self.freedom else 0.0


def seed_figures(sets: Sequence[Sequence[Outcomes]]) -> SeedFigures:
    """Computes the figures of a model's runs from the outcomes on each test set."""
    runs = list(zip(*sets, strict=True))
    figures = np.array([np.mean([outcomes.mean for outcomes in run]) for run in runs])
    return SeedFigures(figures, _noise(sets) if len(runs) > 1 else 0.0)


def _noise(sets: Sequence[Sequence[Outcomes]]) -> float:
    """Sums the variance over runs of each source video's contribution to the figure."""
    shares: dict[str, np.ndarray] = {}
    for runs in sets:
        if any(outcomes.ids != runs[0].ids for outcomes in runs):
            # Conservative: nothing is subtracted from the variance over videos.
            return 0.0
        columns = (
            np.stack([outcomes.values for outcomes in runs], axis=1) / len(runs[0].ids) / len(sets)
        )
        for clip, column in zip(runs[0].ids, columns, strict=True):
            video = source_video(clip)
            shares[video] = shares[video] + column if video in shares else column

    return float(np.var(list(shares.values()), axis=1, ddof=1).sum())


def p_value(
    difference: float,
    video_variance: float,
    pair: tuple[SeedFigures, SeedFigures],
    models: Sequence[SeedFigures],
) -> float:
    """Returns the two-sided p-value of a difference of means.

    Args:
      difference: difference of the two means, -1 to 1.
      video_variance: its variance over the test videos for the given seeds.
      pair: the two models.
      models: all models of the table; at least one has several runs.
    """
    freedom = sum(model.freedom for model in models)
    pooled = sum(model.freedom * model.variance for model in models) / freedom
    seeds = sum(max(model.variance, pooled) / len(model.figures) for model in pair)
    # The spread over seeds already includes this part of the variance over videos.
    counted_twice = sum(model.noise / len(model.figures) for model in pair)
    videos = max(video_variance - counted_twice, 0.0)
    return _level(difference**2, videos, seeds, freedom)


def _level(square: float, videos: float, seeds: float, freedom: int) -> float:
    """Returns the smallest level at which `square` reaches its threshold."""
    low, high = _SMALLEST, 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        tail = 10**middle / 2
        normal, student = scipy.special.ndtri(tail), scipy.special.stdtrit(freedom, tail)
        is_reached = square > 0 and square >= normal**2 * videos + student**2 * seeds
        low, high = (low, middle) if is_reached else (middle, high)
    return float(10**high)
