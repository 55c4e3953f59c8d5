"""Table 12 in the generated world: the weight of the gradient penalty, with a random static frame.

    python study.py --config configs/studies/quickstart_table12.py --workdir runs/studies
    albar study --config quickstart_table12:pretrained --workdir runs/studies

From the pretrained start the weights are the paper's. From scratch they are half, once and twice
the weight of configs/quickstart.py, as the paper's are of its own.
"""

import functools

from albar_jax.studies import Study
from configs import cells, worlds
from configs.studies import hmdb51_table12

# The paper's weight, and its table's factors.
_PAPER = 10.0
_FACTORS = (0.5, 1.0, 2.0)


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of plain training and three weights; each seed has its own world.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    setting = worlds.read_setting(argument)
    usual = setting.config("albar").methods.albar.penalty_weight
    values = [usual * factor for factor in _FACTORS]
    return cells.study(
        argument,
        title="Table 12 in the generated world: the weight of the gradient penalty",
        published=cells.scaled_weights(hmdb51_table12.PUBLISHED, "penalty_weight", usual / _PAPER),
        rows=functools.partial(cells.weights, field="penalty_weight", values=values),
    )
