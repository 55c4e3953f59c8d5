"""Compares all pairs of models in one row of a table, corrected for the number of pairs."""

import dataclasses
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from albar_jax.evaluation.analyses import permutation, seed_spread
from albar_jax.evaluation.analyses.permutation import ClipMeans, Difference
from albar_jax.evaluation.analyses.seed_spread import SeedFigures
from albar_jax.evaluation.metrics import Outcomes

# Outcomes of each run on each test set: [set][run].
Sets = Sequence[Sequence[Outcomes]]

# Minimum number of relabellings for each comparison.
_DRAWS = 9999
# With many pairs, the smallest p-value is multiplied by a large number. It must be smaller then,
# so more relabellings are drawn.
_DRAWS_BY_PAIRS = 200

_HOLM = "p-values are corrected by Holm's method for all pairs of models of a column"
# Descriptions of the test, by whether the spread over training seeds counts.
TESTS = {
    False: "by a paired permutation test over the source videos of these trained models; "
    f"{_HOLM}; with one training seed each, the effect of another seed is not known",
    True: "by a paired test over the source videos and the training seeds, whose spread is pooled "
    f"over the models; {_HOLM}",
}


@dataclasses.dataclass(frozen=True)
class _Model:
    """The data of one model that comparisons need.

    Attributes:
      means: outcome of each clip, averaged over runs, for each test set.
      seeds: figures of the runs.
    """

    means: list[ClipMeans]
    seeds: SeedFigures


def compare_all(
    models: Sequence[Sets | None], *, draws: int | None = None
) -> list[Difference | None]:
    """Tests the difference of every pair of models in one row.

    `permutation` swaps the labels of the two models on source videos. If any model has several
    runs, `seed_spread` adds the spread over training seeds. The permutation test remains a lower
    bound of p if all relabellings can be counted. `p_adjusted` is Holm's correction: for equal
    models, any pair gets a value below 0.05 in at most 5 % of all tables.

    Args:
      models: outcomes of each model; None if it lacks a test set.
      draws: number of random relabellings if there are too many to count all. By default, it grows
        with the number of pairs.

    Returns:
      The differences in the order of `itertools.combinations(models, 2)`. None if a model is None
        or if the two share no clip.
    """
    # Outcomes are averaged once for each model, not once for each pair.
    measured: list[_Model | None] = []
    seeds: list[SeedFigures] = []
    for sets in models:
        if sets is None:
            measured.append(None)
        else:
            model = _Model(list(map(permutation.clip_means, sets)), seed_spread.seed_figures(sets))
            measured.append(model)
            seeds.append(model.seeds)

    num_pairs = len(seeds) * (len(seeds) - 1) // 2
    draws = draws or max(_DRAWS, _DRAWS_BY_PAIRS * num_pairs)

    differences: list[Difference | None] = []
    for first, second in combinations(measured, 2):
        if first is None or second is None:
            differences.append(None)
        else:
            differences.append(_compare(first, second, seeds, draws))

    return _adjusted(differences)


def _compare(
    first: _Model, second: _Model, seeds: Sequence[SeedFigures], draws: int
) -> Difference | None:
    """Tests the difference of two models; None if they share no clip.

    Args:
      first: a model.
      second: the other model.
      seeds: figures of all models.
      draws: number of random relabellings.
    """
    seeds_count = any(model.freedom for model in seeds)
    pairs = list(zip(first.means, second.means, strict=True))
    if not seeds_count:
        return permutation.difference(pairs, draws=draws)

    # The p-value with seeds has no sampling error, so no relabellings are drawn. If all can be
    # counted, their p remains a lower bound.
    difference = permutation.difference(pairs, draws=0)
    if difference is None:
        return None
    p_with_seeds = seed_spread.p_value(
        difference.value, difference.variance, (first.seeds, second.seeds), seeds
    )
    return dataclasses.replace(
        difference, p_value=max(difference.p_value, p_with_seeds), seeds_count=True
    )


def _adjusted(differences: Sequence[Difference | None]) -> list[Difference | None]:
    p_values = [difference.p_value for difference in differences if difference is not None]
    p_adjusted = iter(holm(p_values).tolist())

    adjusted: list[Difference | None] = []
    for difference in differences:
        if difference is not None:
            difference = dataclasses.replace(difference, p_adjusted=next(p_adjusted))
        adjusted.append(difference)
    return adjusted


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Corrects p-values by Holm's method. (Scand. J. Statist. 1979)

    The smallest of N is multiplied by N, the next by N - 1, and so on. The results never decrease.

    Returns:
      float64 (N,), 0 to 1.
    """
    values = np.asarray(p_values, float)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)

    adjusted = np.empty_like(values)
    # The running maximum keeps the results in the order of the p-values.
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1)
    return adjusted
