"""Table 7 of the paper: HMDB51 by background.

    python study.py --config configs/studies/hmdb51_table7.py --workdir runs/studies

The study shares the runs of hmdb51_table1.py, except for ALBAR, which has the random frame here in
the paper. hmdb51_table1.py states the additional files that some rows read.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Returns the study of ten methods."""
    random_frame = {"methods.albar.frame": "random"}
    rows = []
    for name in cells.METHODS:
        changes = random_frame if name == "albar" else None
        rows.append(cells.hmdb51(name, changes=changes))

    return Study(
        title="Table 7: HMDB51 by background",
        suite=cells.by_background(SUITES["hmdb51"]),
        cells=tuple(rows),
        data=cells.HMDB51,
    )
