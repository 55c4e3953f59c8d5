"""Table 11 of the paper: the weight of the entropy term on HMDB51, with a random static frame.

python study.py --config configs/studies/hmdb51_table11.py --workdir runs/studies
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES, Published
from albar_jax.evaluation.suites.published import SINGLE_RUNS
from albar_jax.studies import Study
from configs import cells

# Percentages, in the order of `columns`.
PUBLISHED = Published(
    table="Table 11",
    remark=SINGLE_RUNS,
    columns=("iid", "scuba", "scufo", "conflfg", "contrasted"),
    figures={
        "none": (73.92, 43.93, 20.46, 36.58, 27.84),
        "entropy_weight 2": (72.61, 51.71, 0.00, 44.57, 51.71),
        "entropy_weight 4": (73.20, 53.20, 0.42, 49.84, 53.02),
        "entropy_weight 8": (74.12, 49.87, 1.86, 43.01, 49.26),
    },
    notes={
        ("none", ""): (
            "the paper's weight 0; it is the plain training of Table 1, not ALBAR without this term"
        ),
        ("entropy_weight 4", "scuba"): "Table 4 prints 53.22 for the same models",
    },
)


def get_study() -> Study:
    """Returns the study of plain training and three weights; 4 is the random frame of Table 4."""
    return Study(
        title="Table 11: the weight of the entropy term on HMDB51",
        suite=dataclasses.replace(SUITES["hmdb51"], published=PUBLISHED),
        cells=cells.weights(cells.hmdb51, "entropy_weight", (2.0, 4.0, 8.0)),
        data=cells.HMDB51,
    )
