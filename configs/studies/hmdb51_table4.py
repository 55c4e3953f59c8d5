"""Table 4 of the paper: the frame that ALBAR repeats, on HMDB51.

python study.py --config configs/studies/hmdb51_table4.py --workdir runs/studies
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES, Published
from albar_jax.evaluation.suites.published import SINGLE_RUNS
from albar_jax.studies import Study
from configs import cells

# Percentages, in the order of `columns`.
PUBLISHED = Published(
    table="Table 4",
    remark=SINGLE_RUNS,
    columns=("iid", "scuba", "scufo", "conflfg", "contrasted"),
    figures={
        "random": (73.20, 53.22, 0.42, 49.84, 53.02),
        "first": (72.75, 50.92, 0.18, 45.59, 50.91),
        "middle": (72.81, 53.53, 1.50, 48.13, 53.22),
        "last": (72.68, 49.49, 0.40, 42.42, 49.40),
    },
    notes={("random", "scuba"): "Tables 10 to 12 print 53.20 for the same models"},
)


def get_study() -> Study:
    """Returns the study of four frames; `middle` is the ALBAR of Table 1."""
    return Study(
        title="Table 4: the static frame, on HMDB51",
        suite=dataclasses.replace(SUITES["hmdb51"], published=PUBLISHED),
        cells=cells.frames(cells.hmdb51),
        data=cells.HMDB51,
    )
