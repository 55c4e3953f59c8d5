"""Table 1 in the generated world: all methods, with the paper's figures on HMDB51.

python study.py --config configs/studies/quickstart_table1.py --workdir runs/studies
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study() -> Study:
    """Returns the study of ten methods; each seed has its own world."""
    return Study(
        title="Table 1 in the generated world: methods",
        suite=cells.quickstart_suite(cells.published(SUITES["hmdb51"])),
        cells=tuple(map(cells.quickstart, cells.METHODS)),
        data=cells.QUICKSTART,
        prepare=cells.make_world,
    )
