"""Opens the trainings of downstream heads to test or export them."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from albar_jax.downstream import loop
from albar_jax.downstream.base import Head, HeadNetwork, HeadState
from albar_jax.downstream.heads import HEADS
from albar_jax.downstream.listed_videos import name_videos
from albar_jax.downstream.progress import Progress, progress_of
from albar_jax.downstream.recipes import make_recipe
from albar_jax.errors import UserError
from albar_jax.schema import fields
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.wiring.downstream_inputs import Inputs, check_origin, read_inputs

# Entries in the metadata of a checkpoint of a head.
_ENTRIES = ("config", "trained_on", "videos", "progress")
_CONFIG = {
    "head": Literal[*HEADS],
    "features": str,
    "annotations": str,
    "seed": fields.Seed,
    "recipe": Mapping,
}


@dataclasses.dataclass(frozen=True)
class Training:
    """A training of a head, without its videos.

    Attributes:
      folder: its --workdir.
      meta: metadata of its last checkpoint; see `read_meta`.
      progress: progress of its last checkpoint.
      checkpoints: its checkpoints, read only.
    """

    folder: Path
    meta: Mapping[str, Any]
    progress: Progress
    checkpoints: Checkpoints

    @property
    def config(self) -> Mapping[str, Any]:
        """Returns head, features, annotations, seed and recipe."""
        return self.meta["config"]

    def make_network(self) -> HeadNetwork:
        """Returns the network of the head, which the checkpoint describes."""
        trained_on = self.meta["trained_on"]
        name = f"the width of the features of {self.folder}"
        width = fields.check(fields.Count, trained_on["features"].get("width"), name)

        head = self.config["head"]
        recipe = make_recipe(head, self.config["recipe"])
        return HEADS[head].make_network(recipe, width, len(trained_on["classes"]))

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
        # Without a tested checkpoint, the last one would count as the best.
        if which == "best" and step != self.progress.best_step:
            raise UserError(
                f"{self.folder} has no checkpoint of its best test; choose last or a step"
            )

        return step


@dataclasses.dataclass(frozen=True)
class TrainedHead(Training):
    """A training of a head with test videos.

    Attributes:
      inputs: the features and annotations of the test videos.
      head: the head, to be tested but not trained.
      notes: sentences about an unfinished training, or other videos than it was trained on.
    """

    inputs: Inputs
    head: Head
    notes: tuple[str, ...]

    def restore(self, step: int) -> HeadState:
        """Returns the state of a checkpoint."""
        return loop.restore(self.head, self.checkpoints, step)


def read_meta(checkpoints: Checkpoints, step: int) -> dict[str, Any]:
    """Returns the checked metadata of a checkpoint of a head.

    Returns:
      "config", "trained_on" (see `Inputs.origin`), "videos" and "progress".

    Raises:
      UserError: the checkpoint is damaged, or belongs to another program.
    """
    name = checkpoints.name_of(step)
    meta = checkpoints.meta(step, _ENTRIES)
    return {**meta, "config": complete_config(meta["config"], name)}


def complete_config(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns a saved config with the defaults of fields that its recipe lacks.

    A field that did not exist when the head was trained had its default.

    Args:
      config: head, features, annotations, seed and recipe.
      name: name of the checkpoint or file for messages.

    Raises:
      UserError: an entry is missing, the recipe has an unknown field, or a value is invalid.
    """
    for field, kind in _CONFIG.items():
        fields.check(kind, config.get(field), f"config.{field} of {name}")
    try:
        recipe = make_recipe(config["head"], config["recipe"])
    except UserError as error:
        raise UserError(f"{name} has a recipe that is not valid here: {error}") from None

    return {**config, "recipe": dataclasses.asdict(recipe)}


def open_training(workdir: str) -> Training:
    """Opens a training; its features and annotations are not needed.

    Args:
      workdir: folder of the training.

    Raises:
      UserError: the folder holds no training of a head.
    """
    folder = Path(workdir)
    checkpoints = Checkpoints(folder, read_only=True)
    last = checkpoints.find("last")
    if last is None:
        raise UserError(f"{workdir} has no checkpoint yet; train first")

    meta = read_meta(checkpoints, last)
    progress = progress_of(meta, checkpoints.name_of(last))
    return Training(folder, meta, progress, checkpoints)


def open_head(
    workdir: str,
    *,
    features: str | None = None,
    annotations: str | None = None,
    skip_missing: bool = False,
) -> TrainedHead:
    """Opens a training to test it; only the test videos need features.

    Args:
      workdir: folder of the training.
      features: other features to test on; None for the training's own.
      annotations: other annotations; None for the training's own.
      skip_missing: whether to leave out annotated videos that have no features.

    Raises:
      UserError: the folder holds no training of a head, its inputs cannot be read, or the features
        or classes differ from those that it was trained on.
    """
    training = open_training(workdir)
    config = training.config
    progress = training.progress
    inputs = read_inputs(
        config["head"],
        features or config["features"],
        annotations or config["annotations"],
        skip_missing=skip_missing,
        splits=("test",),
    )
    check_origin(training.meta["trained_on"], inputs, workdir)
    recipe = make_recipe(config["head"], config["recipe"])
    make = HEADS[config["head"]].make
    head = make(inputs.feature_set, inputs.truth, recipe, config["seed"], for_training=False)

    notes = []
    untrained = [video.id for video in inputs.missing if video.split == "train"]
    if untrained and features is None and annotations is None:
        notes.append(
            f"{inputs.features} has no features of {name_videos(untrained)}, left out of the "
            "training"
        )
    if not progress.is_finished:
        notes.append(
            f"{workdir} is at step {progress.step} of {progress.num_steps}; repeat its training "
            "command to finish it"
        )
    if training.meta["videos"] != inputs.fingerprint:
        notes.append(
            f"{workdir} was trained with other videos or annotations than those of "
            f"{inputs.features} and {inputs.annotations}"
        )

    return TrainedHead(**vars(training), inputs=inputs, head=head, notes=tuple(notes))
