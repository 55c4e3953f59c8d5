"""Table 4 in the generated world: the frame that ALBAR repeats.

python study.py --config configs/studies/quickstart_table4.py --workdir runs/studies
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells
from configs.studies import hmdb51_table4


def get_study() -> Study:
    """Returns the study of four frames; `random` is the ALBAR of the quickstart."""
    # The paper's figures are for HMDB51; they are shown next to ours for comparison.
    return Study(
        title="Table 4 in the generated world: the static frame",
        suite=dataclasses.replace(
            SUITES["quickstart"], published=cells.on_hmdb51(hmdb51_table4.PUBLISHED)
        ),
        cells=cells.frames(cells.quickstart),
        data=cells.QUICKSTART,
        prepare=cells.make_world,
    )
