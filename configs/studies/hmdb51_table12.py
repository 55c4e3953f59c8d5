"""Table 12 of the paper: the weight of the gradient penalty on HMDB51, with a random static frame.

python study.py --config configs/studies/hmdb51_table12.py --workdir runs/studies
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES, Published
from albar_jax.evaluation.suites.published import SINGLE_RUNS
from albar_jax.studies import Study
from configs import cells

# Percentages, in the order of `columns`.
PUBLISHED = Published(
    table="Table 12",
    remark=SINGLE_RUNS,
    columns=("iid", "scuba", "scufo", "conflfg", "contrasted"),
    figures={
        "none": (73.92, 43.93, 20.46, 36.58, 27.84),
        "penalty_weight 5": (73.59, 49.77, 0.03, 44.53, 49.77),
        "penalty_weight 10": (73.20, 53.20, 0.42, 49.84, 53.02),
        "penalty_weight 20": (71.76, 50.55, 3.03, 43.55, 48.84),
    },
    notes={
        ("none", ""): (
            "the paper's weight 0; it is the plain training of Table 1, not ALBAR without this term"
        ),
        ("penalty_weight 10", "scuba"): "Table 4 prints 53.22 for the same models",
    },
)


def get_study() -> Study:
    """Returns the study of plain training and three weights; 10 is the random frame of Table 4."""
    return Study(
        title="Table 12: the weight of the gradient penalty on HMDB51",
        suite=dataclasses.replace(SUITES["hmdb51"], published=PUBLISHED),
        cells=cells.weights(cells.hmdb51, "penalty_weight", (5.0, 10.0, 20.0)),
        data=cells.HMDB51,
    )
