"""Table 1: all methods on HMDB51.

    python study.py --config configs/studies/hmdb51_table1.py --workdir runs/studies

ActorCutMix and SDN read the persons of the training videos from data/hmdb51/persons.csv, SDN their scenes from
data/hmdb51/scenes.csv and StillMix its stills from data/hmdb51/stills.csv: docs/methods.md says how they are made.
Without these files they fail, and the other rows do not.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Ten methods."""
    return Study(
        title="Table 1: methods on HMDB51",
        suite=SUITES["hmdb51"],
        cells=tuple(map(cells.hmdb51, cells.METHODS)),
        data=cells.HMDB51,
    )
