"""What the benchmarks make of their measurements."""

from collections.abc import Sequence

import numpy as np

from albar_jax.errors import UserError

TOLERANCES = {"float32": 1e-4, "bfloat16": 2e-2}  # of losses, relative


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile of the ratios of turns that followed each other."""
    low, middle, high = np.percentile(np.array(ours) / np.array(theirs), [25, 50, 75])
    return low, middle, high


def growth(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The p of cost ~ size^p, by least squares between the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def check_same(what: str, ours: Sequence[float], theirs: Sequence[float], tolerance: float) -> None:
    """Raises UserError unless both had the same losses."""
    if not np.allclose(ours, theirs, rtol=tolerance, atol=0):
        raise UserError(
            f"{what}: our losses are {ours}, theirs {theirs}; these are not the same step"
        )
