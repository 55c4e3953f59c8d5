"""Table 9 in the generated stand-in of Waterbirds: the group of birds that is recognised worst.

python study.py --config configs/studies/waterbirds_stand_in.py --workdir runs/studies
"""

import dataclasses
from pathlib import Path

from ml_collections import ConfigDict

from albar_jax.errors import UserError
from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from albar_jax.toy import waterbirds_stand_in as world
from configs import base, waterbirds_stand_in


def get_study() -> Study:
    """Plain training and ALBAR, with pictures of their own for each seed; the paper's figures on Waterbirds beside."""
    published = dataclasses.replace(SUITES["waterbirds"].published, table="Table 9, on Waterbirds,")
    manifest = {"data.manifest": "data/waterbirds_stand_in_seed{seed}/manifest.csv"}
    return Study(
        title="Table 9 in the generated stand-in of Waterbirds",
        suite=dataclasses.replace(SUITES["waterbirds_stand_in"], published=published),
        cells=tuple(
            Cell(name, waterbirds_stand_in.get_config, base.get_config, name, manifest)
            for name in published.figures
        ),
        data="albar toy waterbirds --out data/waterbirds_stand_in_seed0 --seed 0",
        prepare=make_world,
    )


def make_world(config: ConfigDict) -> None:
    """The pictures of this config, if they are not there."""
    manifest = Path(config.data.manifest)
    if not manifest.exists():
        world.make(manifest.parent, seed=config.seed)
        if world.list_pictures(manifest.parent):
            raise UserError(
                f"{manifest} could not be written; remove {manifest.parent} and start again"
            )
