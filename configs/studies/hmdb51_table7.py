"""Table 7: HMDB51 by background. The runs are those of Table 1, but ALBAR's: the paper has the random frame here.

    python study.py --config configs/studies/hmdb51_table7.py --workdir runs/studies

What some rows read beside the videos is said in hmdb51_table1.py.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Ten methods."""
    random = {"methods.albar.frame": "random"}
    return Study(
        title="Table 7: HMDB51 by background",
        suite=SUITES["hmdb51"].by_background,
        cells=tuple(
            cells.hmdb51(name, changes=random if name == "albar" else None)
            for name in cells.METHODS
        ),
        data=cells.HMDB51,
    )
