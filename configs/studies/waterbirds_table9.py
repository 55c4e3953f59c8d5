"""Table 9: Waterbirds, and the group of birds that is recognised worst.

    python study.py --config configs/studies/waterbirds_table9.py --workdir runs/studies

How the pictures and their backgrounds are made is said in configs/waterbirds.py.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from configs import base, waterbirds


def get_study() -> Study:
    """Plain training and ALBAR, which takes the backgrounds for its static clips."""
    suite = SUITES["waterbirds"]
    return Study(
        title="Table 9: Waterbirds",
        suite=suite,
        cells=tuple(
            Cell(name, waterbirds.get_config, base.get_config, name)
            for name in suite.published.figures
        ),
        data="albar prepare waterbirds --backgrounds data/waterbirds/pictures/backgrounds "
        "--videos data/waterbirds/pictures/waterbird_complete95_forest2water2",
    )
