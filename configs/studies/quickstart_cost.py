"""The cost of debiasing in the generated world: contrasted accuracy against compute.

    python study.py --config configs/studies/quickstart_cost.py --workdir runs/studies

The rows are:
- plain training for 1, 2 and 3 times the steps,
- ALBAR with a static clip of 2, 4 and 8 frames, with and without the gradient penalty,
- the cheapest and the most expensive of these without the cap of the adversarial term.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.report.study_plots import cost_scatter
from albar_jax.studies import Cell, Study
from configs import cells, worlds
from configs.quickstart import STEPS

# Length of the static clip. None is the length of the clip, which is 8.
FRAMES = {"2 frames": 2, "4 frames": 4, "8 frames": None}


def get_study() -> Study:
    """Returns the study of eleven recipes; each seed has its own world."""
    rows = [cells.quickstart("ce")]
    for factor in (2, 3):
        name = f"ce, {factor} x the steps"
        rows.append(cells.quickstart(name, "ce", {"train.steps": factor * STEPS}))

    for length in FRAMES:
        rows.append(_albar(length, penalty=False))
        rows.append(_albar(length, penalty=True))

    rows.append(_albar("2 frames", penalty=False, cap=False))
    rows.append(_albar("8 frames", penalty=True, cap=False))

    return Study(
        title="What debiasing costs, in the generated world",
        suite=SUITES["quickstart"],
        cells=tuple(rows),
        data=cells.QUICKSTART,
        prepare=worlds.Setting().prepare,
        pictures={"cost.svg": cost_scatter},
    )


def _albar(length: str, *, penalty: bool, cap: bool = True) -> Cell:
    """Returns a row of ALBAR with a static clip of this length, a key of `FRAMES`."""
    name = f"albar, {length}"
    changes = {"methods.albar.static_frames": FRAMES[length]}
    if not penalty:
        name += ", no penalty"
        changes["methods.albar.penalty_weight"] = 0.0
    if not cap:
        name += ", no cap"
        changes["methods.albar.adversarial_cap"] = None

    return cells.quickstart(name, "albar", changes)
