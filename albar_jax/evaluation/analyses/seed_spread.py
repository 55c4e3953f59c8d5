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

# The level is found by bisection of log10 of p between this value and 0.
_SMALLEST = -16.0
# Steps of the bisection.
_STEPS = 60


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
        if not self.freedom:
            return 0.0
        return float(self.figures.var(ddof=1))


def seed_figures(sets: Sequence[Sequence[Outcomes]]) -> SeedFigures:
    """Computes the figures of a model's runs from the outcomes on each test set, [set][run]."""
    figures = []
    for outcomes_of_sets in zip(*sets, strict=True):
        figures.append(np.mean([outcomes.mean for outcomes in outcomes_of_sets]))

    # A single run has no variance that could include noise.
    noise = 0.0
    if len(figures) > 1:
        noise = _noise(sets)
    return SeedFigures(np.array(figures), noise)


def _noise(sets: Sequence[Sequence[Outcomes]]) -> float:
    """Sums the variance over runs of each source video's contribution to the figure."""
    shares: dict[str, np.ndarray] = {}
    for runs in sets:
        ids = runs[0].ids
        # Contributions of a video are comparable only for the same clips.
        if any(outcomes.ids != ids for outcomes in runs):
            # Conservative: nothing is subtracted from the variance over videos.
            return 0.0

        values = np.stack([outcomes.values for outcomes in runs], axis=1)
        for clip, share in zip(ids, values / len(ids) / len(sets), strict=True):
            video = source_video(clip)
            if video in shares:
                shares[video] = shares[video] + share
            else:
                shares[video] = share

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
    freedom = 0
    squares = 0.0
    for model in models:
        freedom += model.freedom
        squares += model.freedom * model.variance
    pooled = squares / freedom

    seed_variance = 0.0
    counted_twice = 0.0
    for model in pair:
        num_runs = len(model.figures)
        # A model that varies more than the pool keeps its own variance.
        seed_variance += max(model.variance, pooled) / num_runs
        # The spread over seeds already includes this share of the variance over videos.
        counted_twice += model.noise / num_runs

    return _level(difference**2, max(video_variance - counted_twice, 0.0), seed_variance, freedom)


def _level(square: float, video_variance: float, seed_variance: float, freedom: int) -> float:
    """Returns the smallest level at which `square` reaches its threshold."""
    # The threshold decreases with the level, so bisection finds the smallest level.
    low = _SMALLEST
    high = 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        tail = 10**middle / 2
        normal = scipy.special.ndtri(tail)
        student = scipy.special.stdtrit(freedom, tail)
        if square > 0 and square >= normal**2 * video_variance + student**2 * seed_variance:
            high = middle
        else:
            low = middle

    return float(10**high)
