"""Defines the pretrained start of a study: the training whose weights its rows start from."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from albar_jax.config import config_files
from albar_jax.schema import fields
from albar_jax.studies.base import Cell
from albar_jax.studies.runs import fingerprint

# Folder of the generated data sets, and of the starts that are trained on them.
_DATA = Path("data")


@dataclasses.dataclass(frozen=True)
class Start:
    """Weights that are made by training, and their folder.

    The folder is named by the config of the training. So another recipe is another start, and the
    runs that start from it have other folders, too.

    Attributes:
      cell: recipe of the training.
      prepare: makes the videos of the training if they are missing.
      seed: seed of the training and its videos.
      changes: other values of fields, by their dotted names.
    """

    cell: Cell
    prepare: Callable[[ConfigDict], object]
    seed: int = 0
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def changed(self, changes: Mapping[str, Any]) -> "Start":
        """Returns the start with further changes of fields; the seed is one of them.

        Raises:
          UserError: the seed is no seed.
        """
        others = dict(changes)
        seed = fields.check(fields.Seed, others.pop("seed", self.seed), "config.seed")
        return dataclasses.replace(self, seed=seed, changes={**self.changes, **others})

    @property
    def config(self) -> ConfigDict:
        """The config of the training."""
        return self.cell.config(self.seed, self.changes)

    @property
    def folder(self) -> Path:
        """The folder of the training and of the weights, below the current folder."""
        return _DATA / f"start_{fingerprint(self.config, self.cell.defaults())}"

    @property
    def training(self) -> Path:
        """The workdir of the training, with its checkpoints and logs."""
        return self.folder / "training"

    @property
    def weights(self) -> Path:
        """The folder of the weights, which is the `init` of a config; it exists when complete."""
        return self.folder / "weights"


def read_start(name: str) -> Start:
    """Returns the start of a config file, from its function `get_start()`.

    Args:
      name: the file, or its bare name.

    Raises:
      UserError: the file does not exist, has no such function, or fails.
    """
    return config_files.call(config_files.find(name), "get_start")
