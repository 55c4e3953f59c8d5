"""Table 4 in the generated world: the frame that ALBAR repeats.

    python study.py --config configs/studies/quickstart_table4.py --workdir runs/studies
    albar study --config quickstart_table4:cuts/pretrained --workdir runs/studies

In the world `cuts`, the first and the last frames of some clips show another scene. This is the
paper's reason for the middle frame.
"""

from albar_jax.studies import Study
from configs import cells
from configs.studies import hmdb51_table4


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of four frames.

    The ALBAR of Table 1 is `random` from scratch, and `middle` from the pretrained start.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    return cells.study(
        argument,
        title="Table 4 in the generated world: the static frame",
        published=hmdb51_table4.PUBLISHED,
        rows=cells.frames,
        reference="middle",
    )
