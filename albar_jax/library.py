"""The functions of the public API: configs, training, evaluation, prediction.

They import JAX when they are called, if they need it.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from albar_jax.storage import json_files

if TYPE_CHECKING:
    from ml_collections import ConfigDict

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def load_config(name: str, changes: Mapping[str, object] | None = None) -> "ConfigDict":
    """Loads a config.

    Args:
      name: `NAME[:TOKENS]` or `FILE[:TOKENS]`, as `--config` of the command line: `hmdb51:albar`. A
        bare name is looked up in the folder `configs` of the current folder, then among the
        configs of this package.
      changes: other values for fields, by their dotted names: `{"optim.b1": 0.5}`.

    Returns:
      The config, locked: fields can be changed, but not added.

    Raises:
      UserError: the config does not exist or cannot be read.
      KeyError: a field does not exist.
      TypeError: a field cannot have the value.
    """
    from albar_jax.config import config_files

    config = config_files.load(name)
    config.update_from_flattened_dict(dict(changes or {}))
    return config


def fit(config: "ConfigDict", workdir: str | os.PathLike[str]) -> dict[str, Any]:
    """Trains a model in a folder, or resumes its training, and returns the summary of the run.

    Args:
      config: the experiment, see `load_config`.
      workdir: folder for checkpoints and logs.

    Returns:
      The content of summary.json. `stopped_by` names the signal that stopped the training; it is
      None if the training is finished. `best_validation_top1` is in 0..1, or -1 without validation.

    Raises:
      UserError: a mistake in the config or its data.
    """
    from albar_jax.train.run_summary import read_summary
    from albar_jax.wiring import run_training

    run_training.run(config, os.fspath(workdir))
    return read_summary(workdir)


def evaluate(
    workdirs: Paths,
    out: str | os.PathLike[str],
    *,
    checkpoint: str = "best",
    config: "ConfigDict | None" = None,
) -> dict[str, Any]:
    """Measures the accuracy and bias of trained models, and writes tables and a page.

    Args:
      workdirs: folder of a training run, or several.
      out: folder for results.json, results.md, report.html and predictions/.
      checkpoint: "best" (by validation), "last", or a step.
      config: test sets and views that replace the runs' own.

    Returns:
      The content of results.json, see `albar_jax.report.outputs`. All figures are in percent.

    Raises:
      UserError: a run has no checkpoint, or nothing can be evaluated.
    """
    from albar_jax.wiring import run_evaluation, trained_models

    models = [
        trained_models.from_workdir(os.fspath(workdir), checkpoint, config)
        for workdir in _listed(workdirs)
    ]
    run_evaluation.run(models, os.fspath(out))
    return json_files.read(Path(out) / "results.json")


def predict(
    workdir: str | os.PathLike[str],
    videos: Paths,
    *,
    checkpoint: str = "best",
    hop: int | None = None,
    out: str | os.PathLike[str] | None = None,
    page: bool = False,
) -> list[dict[str, Any]]:
    """Predicts videos without labels, with and without their motion.

    Args:
      workdir: folder of a training run.
      videos: a film, a folder of frames, a folder of videos or a pattern; or several of them.
      checkpoint: "best" (by validation), "last", or a step.
      hop: distance between two windows of a video that is longer than a clip, in frames; None is
        half of the span of a clip.
      out: folder for the files, see `albar_jax.report.prediction_files`; None writes nothing.
      page: whether to write predict.html to `out`, too.

    Returns:
      An object for each readable video, with the fields of predictions.jsonl, and `windows`, its
      time line. Messages name the videos that cannot be read.

    Raises:
      UserError: the run has no checkpoint, a path leads to no video, or no video can be read.
    """
    from albar_jax.report.prediction_files import video_record, window_records
    from albar_jax.wiring import run_predict, trained_models

    model = trained_models.from_workdir(os.fspath(workdir), checkpoint)
    names = [os.fspath(video) for video in _listed(videos)]
    folder = None if out is None else os.fspath(out)
    predicted = run_predict.run(model, names, hop=hop, out=folder, page=page, quiet=True)

    records = []
    for video in predicted:
        windows = window_records(video, model.classes)
        records.append(video_record(video, model.classes) | {"windows": windows})
    return records


def _listed(paths: Paths) -> list[str | os.PathLike[str]]:
    if isinstance(paths, str | os.PathLike):
        return [paths]
    return list(paths)
