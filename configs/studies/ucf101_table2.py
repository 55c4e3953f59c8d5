"""Table 2 of the paper: UCF101, with bias sets cut out along masks, the improved protocol.

    python study.py --config configs/studies/ucf101_table2.py --workdir runs/studies

StillMix reads its stills from data/ucf101/stills.csv; docs/methods.md describes how to make it.
Without the file only that row fails.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Returns the study of four methods."""
    suite = SUITES["ucf101"]
    return Study(
        title="Table 2: UCF101, improved protocol",
        suite=suite,
        cells=tuple(map(cells.ucf101, cells.published(suite).figures)),
        data=cells.UCF101,
    )
