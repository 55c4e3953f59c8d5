"""Table 8: UCF101 by background, with bias sets cut out along boxes: the older protocol. Shares Table 2's runs.

    python study.py --config configs/studies/ucf101_table8.py --workdir runs/studies

ActorCutMix and SDN read the persons of the training videos from data/ucf101/persons.csv, SDN their scenes from
data/ucf101/scenes.csv and StillMix its stills from data/ucf101/stills.csv: docs/methods.md says how they are made.
Without these files they fail, and the other rows do not.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Ten methods."""
    return Study(
        title="Table 8: UCF101 by background, cut out along boxes",
        suite=SUITES["ucf101_boxes"].by_background,
        cells=tuple(map(cells.ucf101, cells.METHODS)),
        data=cells.UCF101,
    )
