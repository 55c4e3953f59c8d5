"""Table 1 of the paper: all methods on HMDB51.

    python study.py --config configs/studies/hmdb51_table1.py --workdir runs/studies

Some methods read files in data/hmdb51 in addition to the videos; docs/methods.md describes how to
make them. ActorCutMix and SDN read the persons of the training videos from persons.csv. SDN also
reads their scenes from scenes.csv, and StillMix its stills from stills.csv. Without its file only
that row fails.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Returns the study of ten methods."""
    return Study(
        title="Table 1: methods on HMDB51",
        suite=SUITES["hmdb51"],
        cells=tuple(map(cells.hmdb51, cells.METHODS)),
        data=cells.HMDB51,
    )
