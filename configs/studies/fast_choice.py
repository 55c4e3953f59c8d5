"""Candidates for `albar_fast`: ALBAR in at most 1.25 plain steps.

    albar study --config fast_choice --workdir runs/studies
    albar study --config fast_choice:background/pretrained --workdir runs/studies

These tables choose, so they have seeds 0 to 2. docs/methods.md has the cost of each candidate at
the size of Video Swin-T.
"""

from typing import Any

from albar_jax.studies import Study
from configs import cells, worlds

# Rows change `albar`, not `albar_fast`, so that they stay the same when a choice is made.
_NO_PENALTY = {"penalty_weight": 0.0}
# The penalty has the weight of the recipe of `albar`.
_PENALTY = {"penalty_scale": "length_free"}
_SMOOTHERS = {
    "": _NO_PENALTY,
    "noise .1": _NO_PENALTY | {"static_noise": 0.1},
    "penalty": _PENALTY,
    "half": _PENALTY | {"penalty_share": 0.5},
}
_BOUNDS = {
    "no cap": {"adversarial_cap": None},
    "cap": {"adversarial_cap": cells.CHANCE},
    "1 - p": {"adversarial_cap": None, "adversarial": "one_minus_p"},
}


def _candidates() -> dict[str, dict[str, Any]]:
    """Returns the options of ALBAR in each row."""
    rows = {}
    for frames, smoothers in ((2, tuple(_SMOOTHERS)), (4, ("", "half"))):
        for smoother in smoothers:
            for bound, of_bound in _BOUNDS.items():
                name = ", ".join(filter(None, (f"{frames} frames", smoother, bound)))
                still = {"static_frames": frames, "static_bias": "folded"}
                rows[name] = still | _SMOOTHERS[smoother] | of_bound

    two = rows["2 frames, cap"]
    rows["2 frames, not folded, cap"] = two | {"static_bias": "exact"}
    rows["2 frames, noise .3, cap"] = two | {"static_noise": 0.3}
    random = {"penalty_of": "random"}
    rows["2 frames, random penalty, cap"] = rows["2 frames, penalty, cap"] | random
    return rows


CANDIDATES = _candidates()


def get_study(argument: str = "scratch") -> Study:
    """Returns the study of the candidates; each seed has its own videos.

    Args:
      argument: WORLD, START or WORLD/START; see configs/worlds.py.
    """
    setting = worlds.read_setting(argument)
    rows = [cells.in_setting(setting)("albar")]
    for name, options in CANDIDATES.items():
        rows.append(cells.candidate(setting, name, options))

    return cells.choice(f"Candidates for albar_fast{setting.suffix}", setting, rows)
