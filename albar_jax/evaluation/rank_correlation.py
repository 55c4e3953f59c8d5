"""Compares the order of models with the order of the same models in the paper."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats

from albar_jax.evaluation.suites import Published

# With two models the correlation is 1 or -1, whatever the figures.
_FEWEST = 3


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Returns Spearman's rank correlation; equal figures have the mean of their ranks.

    Args:
      first: N figures.
      second: N figures of the same models.

    Returns:
      -1 to 1; None for less than three models, or if all figures of a list are equal.
    """
    if len(first) < _FEWEST or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    # Spearman's correlation is Pearson's correlation of the ranks.
    ranks = [scipy.stats.rankdata(figures) for figures in (first, second)]
    return float(np.corrcoef(ranks)[0, 1])


def with_published(
    figures_of: Mapping[str, Mapping[str, float | None]], published: Published
) -> dict[str, float | None]:
    """Returns the rank correlation with the paper's figures, for each row of its table.

    Args:
      figures_of: figures of our models by row, by the name of the model. Models that the paper's
        table does not have, and figures that are None, do not count.
      published: the paper's table.
    """
    correlations = {}
    for row in dict.fromkeys(published.columns):
        ours, theirs = [], []
        for name in published.figures:
            our_figure = figures_of.get(name, {}).get(row)
            their_figure = published.rows(name).get(row)
            if our_figure is not None and their_figure is not None:
                ours.append(our_figure)
                theirs.append(their_figure)
        correlations[row] = spearman(ours, theirs)

    return correlations
