"""A study of two runs, for the chaos test."""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Returns a study of plain training and ALBAR; `--set data.manifest` names the data set."""
    return Study(
        title="Chaos",
        suite=SUITES["quickstart"],
        cells=tuple(map(cells.quickstart, ("ce", "albar"))),
        data=cells.QUICKSTART,
    )
