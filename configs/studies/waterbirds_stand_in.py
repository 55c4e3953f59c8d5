"""Table 9 in the generated stand-in for Waterbirds: the accuracy of the worst group.

python study.py --config configs/studies/waterbirds_stand_in.py --workdir runs/studies
"""

import dataclasses
from pathlib import Path

from ml_collections import ConfigDict

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Cell, Study
from albar_jax.toy import waterbirds_stand_in as world
from configs import base, cells, waterbirds_stand_in


def get_study() -> Study:
    """Returns the study of plain training and ALBAR; each seed has its own images."""
    # The figures of the real Waterbirds, for comparison.
    table_9 = cells.published(SUITES["waterbirds"])
    published = dataclasses.replace(table_9, table="Table 9, on Waterbirds,")
    manifest = {"data.manifest": "data/waterbirds_stand_in_seed{seed}/manifest.csv"}
    rows = [
        Cell(name, waterbirds_stand_in.get_config, base.get_config, name, manifest)
        for name in published.figures
    ]

    return Study(
        title="Table 9 in the generated stand-in of Waterbirds",
        suite=dataclasses.replace(SUITES["waterbirds_stand_in"], published=published),
        cells=tuple(rows),
        data=("albar toy waterbirds --out data/waterbirds_stand_in_seed0 --seed 0"),
        prepare=make_world,
    )


def make_world(config: ConfigDict) -> None:
    """Makes the images of this config if they are missing."""
    manifest = Path(config.data.manifest)
    if not manifest.exists():
        world.make(manifest.parent, seed=config.seed)
        world.write_manifests(manifest.parent)
