"""Any generated world: plain training, ALBAR and what is compared with it, from both starts.

    albar study --config world:motions --workdir runs/studies
    albar study --config world:my_world.toml --workdir runs/studies --seeds 10,11,12,13,14

The argument is the name of a shipped world or the path of a specification; see docs/worlds.md.
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from configs import cells, worlds
from configs.quickstart import STEPS

# Compute of ALBAR in plain steps, for one of its steps. (docs/results/quickstart_cost.md)
COST = 3.09
# A row: its name, tokens of configs/quickstart.py, and other values of fields.
ROWS = (
    ("ce", "ce", {}),
    ("ce, compute of albar", "ce", {"train.steps": round(COST * STEPS)}),
    ("albar", "albar", {}),
    ("albar+stillmix", "albar+stillmix", {}),
    ("albar_fast", "albar_fast", {}),
)


def get_study(world: str = "quickstart") -> Study:
    """Returns the study of all rows from both starts; each seed has its own videos.

    Args:
      world: name of a shipped world, or path of a specification.
    """
    rows: list[Cell] = []
    references = {}
    for start in worlds.STARTS:
        cell = cells.in_setting(worlds.in_world(world, start))
        suffix = "" if start == worlds.SCRATCH else f", {start}"
        for name, tokens, changes in ROWS:
            rows.append(cell(f"{name}{suffix}", tokens, changes))
            references[f"{name}{suffix}"] = f"albar{suffix}"

    setting = worlds.in_world(world, worlds.PRETRAINED)
    return Study(
        title=f"The world {setting.spec.name}, from both starts",
        suite=dataclasses.replace(SUITES["quickstart"], title=setting.spec.name),
        cells=tuple(rows),
        data=setting.command,
        prepare=setting.prepare,
        reference=references,
    )
