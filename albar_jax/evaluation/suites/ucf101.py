"""UCF101, test split 1, with bias sets whose foregrounds are cut out along masks.

This is ALBAR's improved protocol (ALBAR Table 2). The suite `ucf101_boxes` has the older sets, cut
out along boxes.
"""

from albar_jax.evaluation.suites.base import published_suite
from albar_jax.evaluation.suites.published import Published

_TABLE_2 = Published(
    table="Table 2",
    columns=("iid", "scuba", "scufo", "conflfg", "contrasted"),
    figures={
        "ce": (95.51, 18.78, 1.50, 49.36, 17.53),
        "stillmix": (96.14, 24.68, 0.36, 55.03, 24.40),
        "albar": (94.98, 26.25, 0.14, 54.02, 26.23),
        "albar+stillmix": (94.71, 31.17, 0.16, 58.84, 31.14),
    },
)

SUITE = published_suite("ucf101", "UCF101", _TABLE_2)
