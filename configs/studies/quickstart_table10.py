"""Table 10 in the generated world: the weight of the adversarial term, with a random static frame.

python study.py --config configs/studies/quickstart_table10.py --workdir runs/studies
albar study --config quickstart_table10:pretrained --workdir runs/studies
"""

import functools

from albar_jax.studies import Study
from configs import cells
from configs.studies import hmdb51_table10


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of plain training and four weights; each seed has its own world.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    values = (0.5, 1.0, 2.0, 4.0)
    return cells.study(
        argument,
        title="Table 10 in the generated world: the weight of the adversarial term",
        published=hmdb51_table10.PUBLISHED,
        rows=functools.partial(cells.weights, field="adv_weight", values=values),
    )
