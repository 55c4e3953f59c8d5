"""Opens the trainings of downstream heads to test or export them."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from albar_jax.downstream import loop
from albar_jax.downstream.base import Head, HeadState
from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.progress import Progress, progress_of
from albar_jax.downstream.recipes import make_recipe
from albar_jax.errors import UserError
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.wiring.downstream_inputs import Inputs, read_inputs


@dataclasses.dataclass(frozen=True)
class TrainedHead:
    """A training of a head.

    Attributes:
      folder: its --workdir.
      config: head, features, annotations, seed and recipe.
      inputs: the features and annotations to test on.
      head: the head.
      progress: progress of its last checkpoint.
      checkpoints: its checkpoints, read only.
    """

    folder: Path
    config: Mapping[str, Any]
    inputs: Inputs
    head: Head
    progress: Progress
    checkpoints: Checkpoints

    def find(self, which: str) -> int:
        """Returns the step of a checkpoint.

        Args:
          which: "last", "best" or a step.

        Raises:
          UserError: there is no such checkpoint.
        """
        step = self.checkpoints.find(which)
        if step is None:
            raise UserError(f"{self.folder} has no checkpoint; train it first")

        return step

    def restore(self, step: int) -> HeadState:
        """Returns the state of a checkpoint."""
        return loop.restore(self.head, self.checkpoints, step)


def open_head(
    workdir: str,
    *,
    features: str | None = None,
    annotations: str | None = None,
    skip_missing: bool = False,
) -> TrainedHead:
    """Opens a training.

    Args:
      workdir: folder of the training.
      features: other features to test on; None for the training's own.
      annotations: other annotations; None for the training's own.
      skip_missing: whether to leave out annotated videos that have no features.

    Raises:
      UserError: the folder holds no training of a head, or its inputs cannot be read.
    """
    folder = Path(workdir)
    checkpoints = Checkpoints(folder, read_only=True)
    last = checkpoints.find("last")
    if last is None:
        raise UserError(f"{workdir} has no checkpoint yet; train first")

    meta = checkpoints.meta(last, ["config", "progress"])
    progress = progress_of(meta, checkpoints.name_of(last))
    config = meta["config"]
    if config.get("head") not in HEADS:
        raise UserError(f"{workdir} has the unknown head {config.get('head')!r}")

    inputs = read_inputs(
        config["head"],
        features or config["features"],
        annotations or config["annotations"],
        skip_missing=skip_missing,
    )
    recipe = make_recipe(config["head"], config["recipe"])
    head = HEADS[config["head"]].make(inputs.feature_set, inputs.truth, recipe, config["seed"])

    return TrainedHead(folder, config, inputs, head, progress, checkpoints)
