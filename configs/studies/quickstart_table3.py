"""Table 3 and Fig. 6 in the generated world: the three terms of ALBAR.

    python study.py --config configs/studies/quickstart_table3.py --workdir runs/studies
    albar study --config quickstart_table3:pretrained --workdir runs/studies

From scratch, ALBAR has the cap and the penalty weight of configs/quickstart.py. From the pretrained
start it has the paper's options.
"""

from albar_jax.report.study_plots import validation_curves
from albar_jax.studies import Study
from configs import cells
from configs.studies import hmdb51_table3


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of all subsets of the terms; each seed has its own world.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    return cells.study(
        argument,
        title="Table 3 in the generated world: the terms of ALBAR",
        published=hmdb51_table3.PUBLISHED,
        rows=cells.losses,
        reference="all",
        pictures={"validation.svg": validation_curves("all", "adv+ent")},
    )
