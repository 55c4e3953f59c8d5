"""Table 11 in the generated world: the weight of the entropy term, with a random static frame.

python study.py --config configs/studies/quickstart_table11.py --workdir runs/studies
albar study --config quickstart_table11:pretrained --workdir runs/studies
"""

import functools

from albar_jax.studies import Study
from configs import cells
from configs.studies import hmdb51_table11


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of plain training and three weights; each seed has its own world.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    return cells.study(
        argument,
        title="Table 11 in the generated world: the weight of the entropy term",
        published=hmdb51_table11.PUBLISHED,
        rows=functools.partial(cells.weights, field="entropy_weight", values=(2.0, 4.0, 8.0)),
    )
