"""Computes figures from the measurements of benchmarks."""

from collections.abc import Sequence

import numpy as np

from albar_jax.errors import UserError

# Relative tolerance of losses by dtype.
TOLERANCES = {"float32": 1e-4, "bfloat16": 2e-2}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Returns lower quartile, median and upper quartile of ours / theirs.

    Entry i of both is from the same round, so that a change of the machine's speed cancels out.
    """
    # The quartiles show the noise of the machine.
    low, middle, high = np.percentile(np.array(ours) / np.array(theirs), [25, 50, 75])
    return low, middle, high


def growth(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Returns the p of cost ~ size^p, fitted by least squares to the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def check_same(what: str, ours: Sequence[float], theirs: Sequence[float], tolerance: float) -> None:
    """Raises UserError if two losses differ by more than a relative tolerance."""
    if not np.allclose(ours, theirs, rtol=tolerance, atol=0):
        raise UserError(
            f"{what}: our losses are {ours}, theirs {theirs}; these are not the same step"
        )
