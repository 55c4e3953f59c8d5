"""Waterbirds: birds before the wrong scenery, and the group of them that is recognised worst. (ALBAR Table 9)

Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts (ICLR 2020). The average is the
plain one over the test split; group_DRO's weighs the groups as they are in training.
"""

import numpy as np

from albar_jax.evaluation import metrics
from albar_jax.evaluation.suites.base import Row, Suite
from albar_jax.evaluation.suites.published import Published

_GROUPS = {
    f"{bird}_on_{place}": f"{bird.capitalize()} on {place}"
    for bird, place in (("waterbird", "water"), ("waterbird", "land"), ("landbird", "land"), ("landbird", "water"))
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
    return Row(name, title, "up", meaning, metrics.accuracy, tuple((task,) for task in tasks), **more)


SUITE = Suite(
    name="waterbirds",
    title="Waterbirds",
    iid="waterbirds",
    rows=(
        _row("iid", "Average", "Share of all test pictures named right.", ("waterbirds",)),
        *(
            _row(
                group, title, f"Share of the test pictures of a {title.lower()} named right.", (f"waterbirds_{group}",)
            )
            for group, title in _GROUPS.items()
        ),
        _row(
            "worst_group",
            "Worst group",
            "The smallest of these four shares: what is left where the scenery misleads.",
            tuple(f"waterbirds_{group}" for group in _GROUPS),
            reduce=np.min,
        ),
    ),
    published=_TABLE_9,
)
