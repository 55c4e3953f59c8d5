"""Table 9 of the paper: Waterbirds, and the accuracy of its worst group.

    python study.py --config configs/studies/waterbirds_table9.py --workdir runs/studies

configs/waterbirds.py states the commands that make the images and their backgrounds.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from configs import base, cells, waterbirds


def get_study() -> Study:
    """Returns the study of plain training and ALBAR, whose static clips are the backgrounds."""
    suite = SUITES["waterbirds"]
    return Study(
        title="Table 9: Waterbirds",
        suite=suite,
        cells=tuple(
            Cell(name, waterbirds.get_config, base.get_config, name)
            for name in cells.published(suite).figures
        ),
        data=(
            "albar prepare waterbirds "
            "--backgrounds data/waterbirds/pictures/backgrounds "
            "--videos data/waterbirds/pictures/waterbird_complete95_forest2water2"
        ),
    )
