"""Table 8 of the paper: UCF101 by background, with the older protocol.

    python study.py --config configs/studies/ucf101_table8.py --workdir runs/studies

In the older protocol the foregrounds of the bias sets are cut out along boxes. The study shares the
runs of ucf101_table2.py.

Some methods read files in data/ucf101 in addition to the videos; docs/methods.md describes how to
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
        title="Table 8: UCF101 by background, cut out along boxes",
        suite=cells.by_background(SUITES["ucf101_boxes"]),
        cells=tuple(map(cells.ucf101, cells.METHODS)),
        data=cells.UCF101,
    )
