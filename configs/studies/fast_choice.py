"""Candidates for `albar_fast`: ALBAR in at most 1.25 plain steps.

    albar study --config fast_choice --workdir runs/studies
    albar study --config fast_choice:background/pretrained --workdir runs/studies

These tables choose, so they have seeds 0 to 2. docs/methods.md has the cost of each candidate at
the size of Video Swin-T.
"""

import dataclasses

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from configs import cells, worlds

# Rows change `albar`, not `albar_fast`, so that they stay the same when a choice is made.
_TWO = {"static_frames": 2, "static_bias": "folded", "penalty_weight": 0.0}
_FOUR = _TWO | {"static_frames": 4}
# The weight of the penalty from each start: that of the recipe of `albar`.
_WEIGHTS = {worlds.SCRATCH: 0.1, worlds.PRETRAINED: 10.0}
_PENALTY = {"penalty_weight": _WEIGHTS, "penalty_scale": "length_free"}
# From scratch the recipe has a cap, from the pretrained start it has none.
_OTHER_CAP = {worlds.SCRATCH: None, worlds.PRETRAINED: "chance"}
# The options of ALBAR in each row. A dict is a value for each start.
CANDIDATES = {
    "2 frames": _TWO | {"static_bias": "exact"},
    "2 folded": _TWO,
    "2 folded, noise .1": _TWO | {"static_noise": 0.1},
    "2 folded, noise .3": _TWO | {"static_noise": 0.3},
    "2 folded, other cap": _TWO | {"adversarial_cap": _OTHER_CAP},
    "2 folded, 1 - p": _TWO | {"adversarial": "one_minus_p", "adversarial_cap": None},
    "2 folded, penalty": _TWO | _PENALTY,
    "2 folded, random penalty": _TWO | _PENALTY | {"penalty_of": "random"},
    "4 folded": _FOUR,
    "4 folded, penalty of half": _FOUR | _PENALTY | {"penalty_share": 0.5},
}


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of the candidates; each seed has its own videos.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    setting = worlds.read_setting(argument)
    rows = [cells.in_setting(setting)("albar")]
    for name in CANDIDATES:
        rows.append(_candidate(setting, name))

    return Study(
        title=f"Candidates for albar_fast{setting.suffix}",
        suite=dataclasses.replace(SUITES["quickstart"], title=setting.spec.name),
        cells=tuple(rows),
        data=setting.command,
        prepare=setting.prepare,
        reference="albar",
        is_choice=True,
    )


def _candidate(setting: worlds.Setting, name: str) -> Cell:
    """Returns the row of a candidate."""
    start = worlds.PRETRAINED if setting.start else worlds.SCRATCH
    changes = {}
    for option, value in CANDIDATES[name].items():
        chosen = value[start] if isinstance(value, dict) else value
        if chosen == "chance":
            chosen = worlds.chance(setting)
        changes[f"methods.albar.{option}"] = chosen

    return cells.in_setting(setting)(name, "albar", changes)
