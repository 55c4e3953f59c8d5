"""Compares lengths of the pretraining, and rates of plain training in the quickstart's world.

    albar study --config quickstart_start --workdir runs/studies

Only plain training chooses `START_STEPS` and `PEAK_LR` of configs/worlds.py, so the choice does not
favor a method. The accuracies of a start in its own world are in data/start_DIGITS/training.
"""

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from configs import cells, worlds

STEPS = (1000, 2000, 4000)
RATES = (1e-4, 2e-4, 5e-4, 1e-3)


def get_study() -> Study:
    """Returns the study of plain training from scratch and from several starts."""
    rows: list[Cell] = [cells.quickstart("scratch", "ce")]
    settings = [worlds.Setting(start=worlds.get_start(steps=steps)) for steps in STEPS]
    for steps, setting in zip(STEPS, settings, strict=True):
        rows.append(_row(setting, steps, worlds.PEAK_LR))
    usual = worlds.in_world("quickstart", worlds.PRETRAINED)
    for rate in RATES:
        if rate != worlds.PEAK_LR:
            rows.append(_row(usual, worlds.START_STEPS, rate))

    def prepare(config):
        for setting in (*settings, usual):
            setting.prepare(config)

    return Study(
        title="The pretrained start of the generated worlds",
        suite=SUITES["quickstart"],
        cells=tuple(rows),
        data=usual.command,
        prepare=prepare,
        is_choice=True,
    )


def _row(setting: worlds.Setting, steps: int, rate: float) -> Cell:
    name = f"{steps} steps, rate {rate:g}"
    return cells.in_setting(setting)(name, "ce", {"optim.peak_lr": rate})
