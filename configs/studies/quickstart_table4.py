"""Table 4 in the generated world: the frame that ALBAR repeats.

python study.py --config configs/studies/quickstart_table4.py --workdir runs/studies
"""

from albar_jax.studies import Study
from configs import cells
from configs.studies import hmdb51_table4


def get_study() -> Study:
    """Returns the study of four frames; `random` is the ALBAR of the quickstart."""
    return Study(
        title="Table 4 in the generated world: the static frame",
        suite=cells.quickstart_suite(hmdb51_table4.PUBLISHED),
        cells=cells.frames(cells.quickstart),
        data=cells.QUICKSTART,
        prepare=cells.make_world,
    )
