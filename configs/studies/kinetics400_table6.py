"""Table 6: Kinetics-400, and ARAS.

    python study.py --config configs/studies/kinetics400_table6.py --workdir runs/studies

StillMix reads its stills from data/kinetics400/stills.csv: docs/methods.md says how they are made. Without the file it
fails, and the other rows do not.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Four methods."""
    suite = SUITES["kinetics400"]
    return Study(
        title="Table 6: Kinetics-400",
        suite=suite,
        cells=tuple(map(cells.kinetics400, suite.published.figures)),
        data=cells.KINETICS400,
    )
