"""Chooses and reads the clips that `albar attribute` explains."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from albar_jax import wiring
from albar_jax.data.decode import DecodeError
from albar_jax.data.manifest import Manifest
from albar_jax.errors import UserError
from albar_jax.evaluation.audit import folder_name
from albar_jax.evaluation.changed_answers import WRONG_TO_RIGHT, wrong_to_right
from albar_jax.evaluation.predictions import Predictions, read_predictions
from albar_jax.storage.inside import inside
from albar_jax.terminal import flags
from albar_jax.terminal.escapes import show
from albar_jax.wiring.comparable import check_comparable
from albar_jax.wiring.kept_predictions import predict_once
from albar_jax.wiring.run_evaluation import tested_tasks
from albar_jax.wiring.trained_models import Trained
from albar_jax.wiring.videos import fingerprint


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


@dataclasses.dataclass(frozen=True)
class ChosenClips:
    """The clips of a test set that are explained.

    Attributes:
      model: the model whose config reads them.
      task: the test set.
      manifest: its videos.
      rows: rows of the manifest.
    """

    model: Trained
    task: str
    manifest: Manifest
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)


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


def choose_clips(models: Sequence[Trained], choice: Choice, folder: Path) -> ChosenClips:
    """Chooses the clips.

    Args:
      models: the models; the first reads the clips.
      choice: the choice of the user.
      folder: folder of the results, which keeps the predictions of the test set.

    Raises:
      UserError: the models cannot share a clip, or a clip does not exist.
    """
    check_comparable(models, "attribute")
    first = models[0]
    task = choice.task or wiring.suite(first.config).iid
    for model in models:
        _check_task(model, task)
    _check_same_views(models, task)
    manifest = _manifest(first, task)
    _check_same_videos(models, task, manifest)

    ids = choice.clips
    if WRONG_TO_RIGHT in ids:
        ids = _wrong_to_right(models, choice, manifest, task, folder)
    row_of = {clip: row for row, clip in enumerate(manifest.ids)}
    missing = [clip for clip in ids if clip not in row_of]
    if missing:
        hint = flags.suggestion(missing[0], row_of) or f"; its first clip is '{manifest.ids[0]}'"
        raise UserError(f"{task} has no clip '{missing[0]}'{hint}")
    return ChosenClips(first, task, manifest, tuple(row_of[clip] for clip in dict.fromkeys(ids)))


def read_clips(chosen: ChosenClips) -> Iterator[TestClip]:
    """Reads clips one by one, as the models are tested on them.

    Clips that cannot be read are left out, and a line says so.

    Raises:
      UserError: no clip can be read.
    """
    manifest = chosen.manifest
    num_read = 0
    for row in chosen.rows:
        try:
            frames = wiring.evaluated_clip(
                chosen.model.config, manifest.paths[row], chosen.task, row
            )
        except DecodeError as error:
            show(f"note: left out, {error}")
            continue
        num_read += 1
        yield TestClip(manifest.ids[row], int(manifest.labels[row]), frames)
    if not num_read:
        raise UserError(
            f"none of the {len(chosen)} clips of {chosen.task} can be read; choose other clips"
        )


def _check_same_views(models: Sequence[Trained], task: str) -> None:
    """Raises UserError if the models see other frames or crops of a video."""
    first = models[0]
    for model in models:
        if wiring.views(model.config, task=task)[0] != wiring.views(first.config, task=task)[0]:
            raise UserError(
                f"{model.name} and {first.name} see other frames or crops of a video; attribute "
                "them one by one, or give both the same tests with --config"
            )


def _check_task(model: Trained, task: str) -> None:
    """Raises UserError if a model is not tested on a test set."""
    tasks = tested_tasks(wiring.suite(model.config), model.config)
    if task not in tasks:
        raise UserError(
            f"{model.name} has no test set {task}; choose from {', '.join(tasks)}"
            f"{flags.suggestion(task, tasks)}"
        )


def _manifest(model: Trained, task: str) -> Manifest:
    manifest = wiring.task_manifest(model.config, task, model.classes)
    if manifest is None:
        raise UserError(
            f"{task} has no manifest in {wiring.task_folder(model.config)}; make it, or name its "
            "folder with --config and --config.eval.directory"
        )
    return manifest


def _check_same_videos(models: Sequence[Trained], task: str, manifest: Manifest) -> None:
    """Raises UserError if a model is tested on other videos than the first one."""
    first = models[0]
    place = wiring.task_folder(first.config), first.config.data
    for model in models[1:]:
        if (wiring.task_folder(model.config), model.config.data) == place:
            continue
        if fingerprint(_manifest(model, task)) != fingerprint(manifest):
            raise UserError(
                f"{model.name} and {first.name} are tested on different videos of {task}, from "
                f"{model.config.data.manifest} and {first.config.data.manifest}; attribute them "
                "one by one, or give both the same tests with --config"
            )


def _wrong_to_right(
    models: Sequence[Trained], choice: Choice, manifest: Manifest, task: str, folder: Path
) -> tuple[str, ...]:
    if len(models) < 2:
        raise UserError(
            f"--clips {WRONG_TO_RIGHT} compares two runs; give a second --workdir, or ids of clips"
        )
    first, second = models[:2]
    before, after = (_predictions(model, choice, manifest, task, folder) for model in models[:2])
    ids = wrong_to_right(before, after, choice.count)
    if not ids:
        raise UserError(
            f"{task} has no clip that {first.name} misses and {second.name} does not; give the ids "
            "of other clips"
        )
    return ids


def _predictions(
    model: Trained, choice: Choice, manifest: Manifest, task: str, folder: Path
) -> Predictions:
    """Reads the predictions of an evaluation, or predicts the test set."""
    if choice.evaluation is not None:
        name = folder_name(model.name, model.config.seed)
        path = inside(choice.evaluation, "predictions", name, f"{task}.csv")
        if not path.exists():
            raise UserError(
                f"--evaluation has no predictions {path}; evaluate {model.name} with `albar "
                f"evaluate`, or leave out --evaluation to predict {task} here"
            )
        predictions = read_predictions(path)
        _check_labels(predictions, manifest, str(path))
        return predictions
    return predict_once(model, manifest, task, folder)


def _check_labels(predictions: Predictions, manifest: Manifest, path: str) -> None:
    """Raises UserError if predictions are of other clips than the manifest, or of other labels."""
    expected = dict(zip(manifest.ids, manifest.labels.tolist(), strict=True))
    for clip, label in zip(predictions.ids, predictions.labels.tolist(), strict=True):
        if expected.get(clip) != label:
            raise UserError(
                f"{path} is of other videos than the test set: it has the clip '{clip}' with the "
                f"label {label}, the test set has {expected.get(clip, 'no such clip')}; evaluate "
                "the run again"
            )
