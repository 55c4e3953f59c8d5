"""Candidates for `albar_fast`: ALBAR in at most 1.25 plain steps.

    albar study --config fast_choice --workdir runs/studies
    albar study --config fast_choice:background/pretrained --workdir runs/studies

These tables choose, so they have seeds 0 to 2. docs/methods.md has the cost of each candidate at
the size of Video Swin-T.
"""

import dataclasses
from typing import Any

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from configs import cells, worlds

# Rows change `albar`, not `albar_fast`, so that they stay the same when a choice is made.
_STILL = {"penalty_weight": 0.0, "static_bias": "folded"}
# The weight of the penalty from each start: the weight in the recipe of `albar`.
_WEIGHTS = {worlds.SCRATCH: 0.1, worlds.PRETRAINED: 10.0}
_PENALTY = {"penalty_weight": _WEIGHTS, "penalty_scale": "length_free"}
_HALF = _PENALTY | {"penalty_share": 0.5}
# "chance" is the cross-entropy of chance.
_BOUNDS = {
    "no cap": {"adversarial_cap": None},
    "cap": {"adversarial_cap": "chance"},
    "1 - p": {"adversarial_cap": None, "adversarial": "one_minus_p"},
}
_SMOOTHERS = {"": {}, "noise .1": {"static_noise": 0.1}, "penalty": _PENALTY, "half": _HALF}


def _candidates() -> dict[str, dict[str, Any]]:
    """Returns the options of ALBAR in each row. A dict is a value for each start."""
    rows = {}
    for frames, smoothers in ((2, tuple(_SMOOTHERS)), (4, ("", "half"))):
        for smoother in smoothers:
            for bound, of_bound in _BOUNDS.items():
                name = ", ".join(filter(None, (f"{frames} frames", smoother, bound)))
                still = _STILL | {"static_frames": frames}
                rows[name] = still | _SMOOTHERS[smoother] | of_bound

    two = _STILL | {"static_frames": 2} | _BOUNDS["cap"]
    rows["2 frames, not folded, cap"] = two | {"static_bias": "exact"}
    rows["2 frames, noise .3, cap"] = two | {"static_noise": 0.3}
    rows["2 frames, random penalty, cap"] = two | _PENALTY | {"penalty_of": "random"}
    return rows


CANDIDATES = _candidates()


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
