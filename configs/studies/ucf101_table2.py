"""Table 2: UCF101 with bias sets cut out along masks, the improved protocol.

    python study.py --config configs/studies/ucf101_table2.py --workdir runs/studies

StillMix reads its stills from data/ucf101/stills.csv: docs/methods.md says how they are made. Without the file it
fails, and the other rows do not.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Four methods."""
    suite = SUITES["ucf101"]
    return Study(
        title="Table 2: UCF101, improved protocol",
        suite=suite,
        cells=tuple(map(cells.ucf101, suite.published.figures)),
        data=cells.UCF101,
    )
