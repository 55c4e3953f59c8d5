"""Candidates for a recipe that is better than ALBAR at the compute of ALBAR.

    albar study --config beyond_choice:pretrained --workdir runs/studies
    albar study --config beyond_choice:background/pretrained --workdir runs/studies

Candidates have the static clip of `albar_fast`, of two frames. They spend the compute that this
saves on more steps. These tables choose, so they have seeds 0 to 2.
"""

from albar_jax.studies import Study
from configs import cells, worlds
from configs.quickstart import STEPS

# A step costs 0.4 of a step of ALBAR here.
LONGER = {"train.steps": round(2.475 * STEPS)}
# Rows change `albar`, not `albar_fast`, so that they stay the same when a choice is made.
_STILL = {
    "static_frames": 2,
    "static_bias": "folded",
    "penalty_weight": 0.0,
    "frame": "random",
    "adversarial_cap": None,
}
_BELOW_CHANCE = _STILL | {"adversarial": "below_chance", "adversarial_margin": 3.0}
# A row: its methods, its options of ALBAR, and other values of fields.
CANDIDATES = {
    "albar, cap": ("albar", {"adversarial_cap": cells.CHANCE}, {}),
    "cap": ("albar", _STILL | {"adversarial_cap": cells.CHANCE}, LONGER),
    "1 - p": ("albar", _STILL | {"adversarial": "one_minus_p"}, LONGER),
    "below chance": ("albar", _BELOW_CHANCE, LONGER),
    "below chance, entropy 1": ("albar", _BELOW_CHANCE | {"entropy_weight": 1.0}, LONGER),
    "below chance, entropy 1, stillmix .25": (
        "albar+stillmix",
        _BELOW_CHANCE | {"entropy_weight": 1.0},
        LONGER | {"methods.stillmix.prob": 0.25},
    ),
}


def get_study(argument: str = "pretrained") -> Study:
    """Returns the study of the candidates; each seed has its own videos.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    setting = worlds.read_setting(argument)
    cell = cells.in_setting(setting)
    rows = [cell("ce"), cell("albar"), cell("albar+stillmix")]
    for name, (methods, options, changes) in CANDIDATES.items():
        rows.append(cells.candidate(setting, name, options, methods, changes))

    return cells.choice(f"Candidates beyond ALBAR{setting.suffix}", setting, rows)
