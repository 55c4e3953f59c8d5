"""What debiasing costs: contrasted accuracy against compute, in the generated world.

    python study.py --config configs/studies/quickstart_cost.py --workdir runs/studies

Plain training for 1, 2 and 3 times the steps; ALBAR with a static clip of 2 frames, half of the clip's and all, each
with and without the gradient penalty; and without the cap of the adversarial term, at both ends.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.report.study_plots import cost_scatter
from albar_jax.studies import Cell, Study
from configs import cells
from configs.quickstart import STEPS

FRAMES = {"2 frames": 2, "4 frames": 4, "8 frames": None}  # None: as many as the clip, which are 8


def _albar(length: str, *, penalty: bool, cap: bool = True) -> Cell:
    words = [
        f"albar, {length}",
        *(["no penalty"] if not penalty else []),
        *(["no cap"] if not cap else []),
    ]
    changes = {"methods.albar.static_frames": FRAMES[length]}
    changes |= {} if penalty else {"methods.albar.penalty_weight": 0.0}
    changes |= {} if cap else {"methods.albar.adversarial_cap": None}
    return cells.quickstart(", ".join(words), "albar", changes)


def get_study() -> Study:
    """Eleven recipes, in a world for each seed."""
    return Study(
        title="What debiasing costs, in the generated world",
        suite=SUITES["quickstart"],
        cells=(
            cells.quickstart("ce"),
            *(
                cells.quickstart(f"ce, {n} x the steps", "ce", {"train.steps": n * STEPS})
                for n in (2, 3)
            ),
            *(_albar(length, penalty=penalty) for length in FRAMES for penalty in (False, True)),
            _albar("2 frames", penalty=False, cap=False),
            _albar("8 frames", penalty=True, cap=False),
        ),
        data=cells.QUICKSTART,
        prepare=cells.make_world,
        pictures={"cost.svg": cost_scatter},
    )
