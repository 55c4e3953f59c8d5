"""Chooses and reads the clips that `albar attribute` explains."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from albar_jax import wiring
from albar_jax.data.decode import DecodeError
from albar_jax.data.manifest import Manifest
from albar_jax.errors import UserError
from albar_jax.evaluation.audit import folder_name
from albar_jax.evaluation.changed_answers import WRONG_TO_RIGHT, wrong_to_right
from albar_jax.evaluation.predictions import Predictions, read_predictions
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage.inside import inside
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show
from albar_jax.wiring.run_evaluation import tested_tasks
from albar_jax.wiring.trained_models import Trained


@dataclasses.dataclass(frozen=True)
class Choice:
    """The clips to explain.

    Attributes:
      clips: ids, or `WRONG_TO_RIGHT` alone.
      task: test set; None is the data set's own test split.
      count: maximum number of clips for `WRONG_TO_RIGHT`.
      evaluation: folder of `albar evaluate` with the predictions of both models; None predicts the
        test set.
    """

    clips: tuple[str, ...]
    task: str | None = None
    count: int = 4
    evaluation: Path | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class TestClip:
    """A clip of a test set.

    Attributes:
      id: its id.
      label: number of its class.
      frames: uint8 RGB (T, H, W, 3).
    """

    id: str
    label: int
    frames: np.ndarray


def read_clips(models: Sequence[Trained], choice: Choice) -> list[TestClip]:
    """Chooses the clips and reads them as the models are tested on them.

    Clips that cannot be read are left out, and a line says so.

    Raises:
      UserError: the models cannot share a clip, or no clip can be chosen or read.
    """
    first = models[0]
    task = choice.task or wiring.suite(first.config).iid
    _check_alike(models, task)
    manifest = _manifest(first, task)

    ids = choice.clips
    if WRONG_TO_RIGHT in ids:
        ids = _wrong_to_right(models, choice, manifest, task)
    row_of = {clip: row for row, clip in enumerate(manifest.ids)}
    missing = [clip for clip in ids if clip not in row_of]
    if missing:
        hint = flags.suggestion(missing[0], row_of) or f"; its first clip is '{manifest.ids[0]}'"
        raise UserError(f"{task} has no clip '{missing[0]}'{hint}")

    clips = []
    for clip in dict.fromkeys(ids):
        row = row_of[clip]
        try:
            frames = wiring.evaluated_clip(first.config, manifest.paths[row], task)
        except DecodeError as error:
            show(f"note: left out, {error}")
            continue
        clips.append(TestClip(clip, int(manifest.labels[row]), frames))
    if not clips:
        raise UserError(f"none of the {len(ids)} clips of {task} can be read; choose other clips")
    return clips


def _check_alike(models: Sequence[Trained], task: str) -> None:
    """Raises UserError if the models differ in classes, name and seed, or in the clips they see."""
    first, named = models[0], set()
    for model in models:
        if model.classes != first.classes:
            raise UserError(
                f"{model.name} and {first.name} were trained on different classes; attribute them "
                "one by one"
            )
        if wiring.views(model.config, task=task)[0] != wiring.views(first.config, task=task)[0]:
            raise UserError(
                f"{model.name} and {first.name} see other frames or crops of a video; attribute "
                "them one by one, or give both the same tests with --config"
            )
        if (model.name, model.config.seed) in named:
            raise UserError(
                f"two runs are named '{model.name}' and have seed {model.config.seed}; leave one "
                "out, or change its config.name"
            )
        named.add((model.name, model.config.seed))


def _manifest(model: Trained, task: str) -> Manifest:
    tasks = tested_tasks(wiring.suite(model.config), model.config)
    if task not in tasks:
        raise UserError(
            f"there is no test set {task}{flags.suggestion(task, tasks)}; choose from "
            f"{', '.join(tasks)}"
        )
    manifest = wiring.task_manifest(model.config, task, model.classes)
    if manifest is None:
        raise UserError(
            f"{task} has no manifest in {wiring.task_folder(model.config)}; make it, or name its "
            "folder with --config and --config.eval.directory"
        )
    return manifest


def _wrong_to_right(
    models: Sequence[Trained], choice: Choice, manifest: Manifest, task: str
) -> tuple[str, ...]:
    if len(models) < 2:
        raise UserError(
            f"--clips {WRONG_TO_RIGHT} compares two runs; give a second --workdir, or ids of clips"
        )
    first, second = models[:2]
    before, after = (_predictions(model, choice, manifest, task) for model in (first, second))
    ids = wrong_to_right(before, after, choice.count)
    if not ids:
        raise UserError(
            f"{task} has no clip that {first.name} misses and {second.name} does not; give the ids "
            "of other clips"
        )
    return ids


def _predictions(model: Trained, choice: Choice, manifest: Manifest, task: str) -> Predictions:
    """Reads the predictions of an evaluation, or predicts the test set."""
    if choice.evaluation is not None:
        name = folder_name(model.name, model.config.seed)
        return read_predictions(inside(choice.evaluation, "predictions", name, f"{task}.csv"))

    feed = wiring.VideoFeed(data_mesh())
    apply, template = wiring.model_shapes(model.config, len(model.classes), feed.mesh)
    order = wiring.temporal_orders(model.config).get(task, "forward")
    return wiring.predictor(model.config, apply, feed)(
        model.restore(template), manifest, order, task
    )
