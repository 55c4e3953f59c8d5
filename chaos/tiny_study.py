"""A study of two runs, for the chaos test."""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Returns a study of plain training and ALBAR on the data set that `--set data.manifest` names."""
    return Study(
        title="Chaos",
        suite=SUITES["quickstart"],
        cells=tuple(map(cells.quickstart, ("ce", "albar"))),
        data=cells.QUICKSTART,
    )
