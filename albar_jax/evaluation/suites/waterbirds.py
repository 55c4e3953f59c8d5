"""The Waterbirds suite: accuracy of each group and of the worst group. (ALBAR Table 9)

Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts (ICLR 2020).
There are two averages: the plain average over the test split, and group_DRO's average, which
weights the four groups by their size in training.
"""

from collections.abc import Mapping

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.suites.base import Row, Suite, TaskGroups, WeightedMean
from albar_jax.evaluation.suites.published import Published

# Group -> title.
_GROUPS = {
    "waterbird_on_water": "Waterbird on water",
    "waterbird_on_land": "Waterbird on land",
    "landbird_on_land": "Landbird on land",
    "landbird_on_water": "Landbird on water",
}
# Number of images by group in the training split of waterbird_complete95_forest2water2.
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


def _row(name: str, title: str, meaning: str, tasks: tuple[str, ...], **options) -> Row:
    # Each test set has one task. `zip` makes tuples of one entry.
    sets = tuple(zip(tasks, strict=True))
    return Row(name, title, "up", meaning, metrics.accuracy, sets, **options)


def rows_of(training: Mapping[str, int]) -> tuple[Row, ...]:
    """Returns the rows of a data set.

    Args:
      training: number of training images in each group.
    """
    tasks = tuple(f"waterbirds_{group}" for group in _GROUPS)
    groups = []
    for (group, title), task in zip(_GROUPS.items(), tasks, strict=True):
        meaning = f"Share of the test images of a {title.lower()} that are classified correctly."
        groups.append(_row(group, title, meaning, (task,)))

    return (
        _row(
            "iid",
            "Average",
            "Share of all test images that are classified correctly.",
            ("waterbirds",),
        ),
        _row(
            "weighted",
            "Weighted average",
            "Mean accuracy of the four groups, weighted by their size in training.",
            tasks,
            reduce=WeightedMean(tuple(training[group] for group in _GROUPS)),
        ),
        *groups,
        _row(
            "worst_group",
            "Worst group",
            "The smallest accuracy of the four groups.",
            tasks,
            reduce=np.min,
        ),
    )


def groups_of(training: Mapping[str, int]) -> TaskGroups:
    """Returns the groups of a data set, with the number of training images in each."""
    tasks = {group: f"waterbirds_{group}" for group in _GROUPS}
    return TaskGroups("bird and scenery", tasks, training)


SUITE = Suite(
    name="waterbirds",
    title="Waterbirds",
    iid="waterbirds",
    rows=rows_of(_TRAINING),
    published=_TABLE_9,
    task_groups=groups_of(_TRAINING),
)
