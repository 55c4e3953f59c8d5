"""Compares all models of a table with each other, one row at a time, with a correction for the number of pairs."""

import dataclasses
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from albar_jax.evaluation.analyses import permutation, seed_spread
from albar_jax.evaluation.analyses.permutation import Difference
from albar_jax.evaluation.metrics import Outcomes

# The outcomes of each run on each test set: [set][run].
Sets = Sequence[Sequence[Outcomes]]
# Relabellings drawn to test a pair. With many pairs it takes more: the smallest p-value is multiplied by the pairs.
_DRAWS, _DRAWS_BY_PAIRS = 9999, 200

_HOLM = "p-values are corrected by Holm's method for all pairs of models of a column"
# By whether the spread over training seeds counts.
TESTS = {
    False: f"by a paired permutation test over the source videos of these trained models; {_HOLM}; with one training "
    "seed each, nothing is known of what another seed would change",
    True: "by a paired test over the source videos and the training seeds, whose spread is pooled over the models; "
    f"{_HOLM}",
}


def compare_all(models: Sequence[Sets | None], *, draws: int | None = None) -> list[Difference | None]:
    """Tests the difference of each two models in one row.

    A pair is tested by swapping the names of the two models on source videos (`permutation`). Where any model has
    several runs, `seed_spread` tests it, which adds the spread over training seeds; the permutation test remains a
    lower bound of p where the models differ on so few videos that all relabellings can be counted. `p_adjusted` is
    Holm's: among models that are equal, one pair or more get a value below 0.05 in at most 5 % of all tables.

    Args:
      models: the outcomes of each model; None for one that misses a test set.
      draws: number of random relabellings where there are too many to count all; None for enough of them.

    Returns:
      The differences in the order of `itertools.combinations(models, 2)`, None where a model is None or where the two
      have no clip in common.
    """
    measured = [sets for sets in models if sets is not None]
    num_pairs = len(measured) * (len(measured) - 1) // 2
    draws = draws or max(_DRAWS, _DRAWS_BY_PAIRS * num_pairs)
    means = [None if sets is None else [permutation.clip_means(runs) for runs in sets] for sets in models]
    seeds = [None if sets is None else seed_spread.seed_figures(sets) for sets in models]

    known = [model for model in seeds if model is not None]
    counts = any(model.freedom for model in known)
    differences: list[Difference | None] = []
    for first, second in combinations(range(len(models)), 2):
        if models[first] is None or models[second] is None:
            differences.append(None)
            continue
        pairs = list(zip(means[first], means[second], strict=True))
        found = permutation.of_means(pairs, draws=0 if counts else draws)
        if found is not None and counts:
            with_seeds = seed_spread.p_value(found.value, found.variance, (seeds[first], seeds[second]), known)
            found = dataclasses.replace(found, p_value=max(found.p_value, with_seeds), seeds_count=True)
        differences.append(found)
    return _adjusted(differences)


def _adjusted(differences: Sequence[Difference | None]) -> list[Difference | None]:
    values = iter(holm([found.p_value for found in differences if found is not None]))
    return [
        None if found is None else dataclasses.replace(found, p_adjusted=float(next(values))) for found in differences
    ]


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Returns p-values corrected for their number, float64 (N,), in 0..1. (Holm, Scand. J. Statist. 1979)

    The smallest of N is multiplied by N, the next by N - 1, and so on; none becomes smaller than the one before.
    """
    values = np.asarray(p_values, float)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1)
    return adjusted
