"""Averages figures, for example over seeds; there is no average if one is missing."""

from collections.abc import Iterable

import numpy as np


def mean(figures: Iterable[float | None]) -> float | None:
    """Returns the mean of the figures; None if one is None."""
    measured = _if_all_measured(figures)
    return None if measured is None else float(np.mean(measured))


def sd(figures: Iterable[float | None]) -> float | None:
    """Returns the standard deviation, with n - 1 in the denominator.

    None if a figure is None, or for a single figure.
    """
    measured = _if_all_measured(figures)
    if measured is None or len(measured) < 2:
        return None
    return float(np.std(measured, ddof=1))


def _if_all_measured(figures: Iterable[float | None]) -> list[float] | None:
    # An average of fewer figures would not be comparable.
    measured = []
    for figure in figures:
        if figure is None:
            return None
        measured.append(figure)

    return measured
