"""Table 6 of the paper: Kinetics-400, and ARAS.

    python study.py --config configs/studies/kinetics400_table6.py --workdir runs/studies

StillMix reads its stills from data/kinetics400/stills.csv; docs/methods.md describes how to make
it. Without the file only that row fails.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Returns the study of four methods."""
    suite = SUITES["kinetics400"]
    return Study(
        title="Table 6: Kinetics-400",
        suite=suite,
        cells=tuple(map(cells.kinetics400, cells.published(suite).figures)),
        data=cells.KINETICS400,
    )
