"""Table 10 of the paper: the weight of the adversarial term on HMDB51, with a random static frame.

python study.py --config configs/studies/hmdb51_table10.py --workdir runs/studies
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES, Published
from albar_jax.evaluation.suites.published import SINGLE_RUNS
from albar_jax.studies import Study
from configs import cells

# Percentages, in the order of `columns`.
PUBLISHED = Published(
    table="Table 10",
    remark=SINGLE_RUNS,
    columns=("iid", "scuba", "scufo", "conflfg", "contrasted"),
    figures={
        "none": (73.92, 43.93, 20.46, 36.58, 27.84),
        "adv_weight 0.5": (73.79, 48.65, 3.31, 43.28, 46.56),
        "adv_weight 1": (73.20, 53.20, 0.42, 49.84, 53.02),
        "adv_weight 2": (67.84, 44.52, 0.99, 40.86, 44.45),
        "adv_weight 4": (51.50, 27.76, 5.86, 24.02, 27.76),
    },
    notes={
        ("none", ""): (
            "the paper's weight 0; it is the plain training of Table 1, not ALBAR without this term"
        ),
        ("adv_weight 1", "scuba"): "Table 4 prints 53.22 for the same models",
    },
)


def get_study() -> Study:
    """Returns the study of plain training and four weights; 1 is the random frame of Table 4."""
    return Study(
        title="Table 10: the weight of the adversarial term on HMDB51",
        suite=dataclasses.replace(SUITES["hmdb51"], published=PUBLISHED),
        cells=cells.weights(cells.hmdb51, "adv_weight", (0.5, 1.0, 2.0, 4.0)),
        data=cells.HMDB51,
    )
