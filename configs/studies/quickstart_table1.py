"""Table 1 in the generated world: all methods, with the paper's figures on HMDB51.

python study.py --config configs/studies/quickstart_table1.py --workdir runs/studies
albar study --config quickstart_table1:pretrained --workdir runs/studies
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Study
from configs import cells


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of ten methods; each seed has its own world.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    return cells.study(
        argument,
        title="Table 1 in the generated world: methods",
        published=cells.published(SUITES["hmdb51"]),
        rows=lambda cell: tuple(map(cell, cells.METHODS)),
        reference="albar",
    )
