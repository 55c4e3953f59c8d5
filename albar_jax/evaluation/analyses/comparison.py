"""Compares all pairs of models in each row of a table, corrected for the number of pairs."""

import dataclasses
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from albar_jax.evaluation.analyses import permutation, seed_spread
from albar_jax.evaluation.analyses.permutation import Difference
from albar_jax.evaluation.metrics import Outcomes

# Outcomes of each run on each test set: [set][run].
Sets = Sequence[Sequence[Outcomes]]
# Relabellings per pair. Many pairs need more, because the smallest p-value is multiplied by them.
_DRAWS, _DRAWS_BY_PAIRS = 9999, 200

_HOLM = "p-values are corrected by Holm's method for all pairs of models of a column"
# Keyed by whether the spread over training seeds counts.
TESTS = {
    False: f"by a paired permutation test over the source videos of these trained models; {_HOLM}; with one training "
    "seed each, nothing is known of what another seed would change",
    True: "by a paired test over the source videos and the training seeds, whose spread is pooled over the models; "
    f"{_HOLM}",
}


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
      draws: number of random relabellings if there are too many to count all; None chooses it.

    Returns:
      The differences in the order of `itertools.combinations(models, 2)`. None if a model is None
        or if the two share no clip.
    """
    measured = [sets for sets in models if sets is not None]
    num_pairs = len(measured) * (len(measured) - 1) // 2
    draws = draws or max(_DRAWS, _DRAWS_BY_PAIRS * num_pairs)
    means = [
        None if sets is None else [permutation.clip_means(runs) for runs in sets] for sets in models
    ]
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
            with_seeds = seed_spread.p_value(
                found.value, found.variance, (seeds[first], seeds[second]), known
            )
            found = dataclasses.replace(
                found, p_value=max(found.p_value, with_seeds), seeds_count=True
            )
        differences.append(found)

    return _adjusted(differences)


def _adjusted(differences: Sequence[Difference | None]) -> list[Difference | None]:
    values = iter(holm([found.p_value for found in differences if found is not None]))
    return [
        None if found is None else dataclasses.replace(found, p_adjusted=float(next(values)))
        for found in differences
    ]


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Corrects p-values by Holm's method. (Scand. J. Statist. 1979)

    The smallest of N is multiplied by N, the next by N - 1, and so on; the results never decrease.

    Returns:
      float64 (N,), 0 to 1.
    """
    values = np.asarray(p_values, float)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1)
    return adjusted
