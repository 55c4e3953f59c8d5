"""Table 3 of the paper: the three terms of ALBAR on HMDB51; and Fig. 6: the effect of the penalty.

python study.py --config configs/studies/hmdb51_table3.py --workdir runs/studies
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES, Published
from albar_jax.evaluation.suites.published import SINGLE_RUNS
from albar_jax.report.study_plots import validation_curves
from albar_jax.studies import Study
from configs import cells

# Percentages, in the order of `columns`.
PUBLISHED = Published(
    table="Table 3",
    remark=SINGLE_RUNS,
    columns=("iid", "scuba", "scufo", "conflfg", "contrasted"),
    figures={
        "none": (73.92, 43.93, 20.46, 36.58, 27.84),
        "adv": (72.61, 42.29, 0.00, 32.77, 42.29),
        "ent": (71.57, 46.02, 2.97, 38.40, 44.30),
        "gp": (72.09, 41.13, 14.69, 35.16, 29.24),
        "adv+ent": (72.22, 46.81, 0.49, 41.13, 46.72),
        "adv+gp": (71.70, 45.92, 0.00, 38.52, 45.92),
        "ent+gp": (73.86, 49.14, 9.74, 42.89, 41.11),
        "all": (72.81, 53.53, 1.50, 48.13, 53.22),
    },
)


def get_study() -> Study:
    """Returns the study of all subsets of the terms; `none` is plain training, `all` is ALBAR."""
    return Study(
        title="Table 3: the terms of ALBAR on HMDB51",
        suite=dataclasses.replace(SUITES["hmdb51"], published=PUBLISHED),
        cells=cells.losses(cells.hmdb51),
        data=cells.HMDB51,
        pictures={"validation.svg": validation_curves("all", "adv+ent")},
    )
