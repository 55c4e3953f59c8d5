"""Defines the Waterbirds suite: accuracy of each group and of the worst group. (ALBAR Table 9)

Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts (ICLR 2020).
There are two averages: the plain average over the test split, and group_DRO's average, which
weights the four groups by their size in training.
"""

from collections.abc import Mapping

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.suites.base import Row, Suite, WeightedMean
from albar_jax.evaluation.suites.published import Published

_GROUPS = {
    f"{bird}_on_{place}": f"{bird.capitalize()} on {place}"
    for bird, place in (
        ("waterbird", "water"),
        ("waterbird", "land"),
        ("landbird", "land"),
        ("landbird", "water"),
    )
}
# Number of pictures by group in the training split of waterbird_complete95_forest2water2.
_TRAINING = {
    "waterbird_on_water": 1057,
    "waterbird_on_land": 56,
    "landbird_on_land": 3498,
    "landbird_on_water": 184,
}
_TABLE_9 = Published(
    table="Table 9",
    network="ResNet-18",
    columns=(*_GROUPS, "worst_group"),
    figures={
        "ce": (92.68, 50.00, 99.16, 76.45, 50.00),
        "albar": (92.99, 59.50, 98.67, 78.00, 59.50),
    },
    notes={("", "worst_group"): "Table 9 has no such column: this is the smallest of its four"},
)


def _row(name: str, title: str, meaning: str, tasks: tuple[str, ...], **more) -> Row:
    return Row(
        name, title, "up", meaning, metrics.accuracy, tuple((task,) for task in tasks), **more
    )


def rows_of(training: Mapping[str, int]) -> tuple[Row, ...]:
    """Returns the rows of a data set, given the number of training pictures in each group."""
    tasks = tuple(f"waterbirds_{group}" for group in _GROUPS)
    groups = [
        _row(group, title, f"Share of the test pictures of a {title.lower()} named right.", (task,))
        for (group, title), task in zip(_GROUPS.items(), tasks, strict=True)
    ]
    return (
        _row("iid", "Average", "Share of all test pictures named right.", ("waterbirds",)),
        _row(
            "weighted",
            "Weighted average",
            "The mean of the four shares of groups, weighted by the size of the groups in training.",
            tasks,
            reduce=WeightedMean(tuple(training[group] for group in _GROUPS)),
        ),
        *groups,
        _row(
            "worst_group",
            "Worst group",
            "The smallest of these four shares: what is left where the scenery misleads.",
            tasks,
            reduce=np.min,
        ),
    )


SUITE = Suite(
    name="waterbirds",
    title="Waterbirds",
    iid="waterbirds",
    rows=rows_of(_TRAINING),
    published=_TABLE_9,
)
