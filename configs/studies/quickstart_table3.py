"""Table 3 and Fig. 6 in the generated world: the three terms of ALBAR.

python study.py --config configs/studies/quickstart_table3.py --workdir runs/studies

ALBAR has the cap and the penalty weight of configs/quickstart.py.
"""

from albar_jax.report.study_plots import validation_curves
from albar_jax.studies import Study
from configs import cells
from configs.studies import hmdb51_table3


def get_study() -> Study:
    """Returns the study of all subsets of the terms; each seed has its own world."""
    return Study(
        title="Table 3 in the generated world: the terms of ALBAR",
        suite=cells.quickstart_suite(hmdb51_table3.PUBLISHED),
        cells=cells.losses(cells.quickstart),
        data=cells.QUICKSTART,
        prepare=cells.make_world,
        pictures={"validation.svg": validation_curves("all", "adv+ent")},
    )
