"""`albar audit --config`: the benchmark on the predictions of any program, with videos."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest

import jax
from ml_collections import ConfigDict

from albar_jax import wiring
from albar_jax.config import Config, parse, used_fields
from albar_jax.config.config_files import load
from albar_jax.errors import UserError
from albar_jax.evaluation import results
from albar_jax.evaluation.audit import Audit, read_audit
from albar_jax.report.audit import publish_audit, report_data
from albar_jax.terminal.escapes import show
from albar_jax.wiring.report_videos import annotations, clip_reader, pasted_foregrounds


def load_config(
    name: str | None,
    changes: Sequence[str],
    fields: used_fields.Fields = used_fields.AUDIT,
    source: str = "--predictions",
) -> ConfigDict | None:
    """Loads the config that names the videos of predictions; None without a name.

    Args:
      name: the config.
      changes: arguments that change fields.
      fields: the fields that are used.
      source: the option beside `--config`, for messages.

    Raises:
      UserError: the config cannot be read, or a changed field would be ignored.
    """
    if name is None:
        return None
    config = load(name, changes)
    used_fields.refuse_unused(changes, fields, source)
    return config


def run(folders: Sequence[str | os.PathLike], out: str, config: ConfigDict | None = None) -> int:
    """Reads a CSV file for each task, writes the table and the page; returns the exit status.

    Args:
      folders: a folder of CSV files for each model, or folders of such folders.
      out: folder for the results.
      config: names the videos. With it, the page shows frames and uses the classes of the
        foregrounds that were pasted into Confl-FG clips.

    Raises:
      UserError: files that belong to no benchmark, contradict each other or the videos, or are
        malformed.
    """
    writes = jax.process_index() == 0
    if config is not None:
        return run_parsed(folders, out, parse(config), writes=writes)

    audit = read_audit(folders)
    publish_audit(audit, report_data(audit), out, writes=writes)
    return 0


def run_parsed(
    folders: Sequence[str | os.PathLike], out: str, config: Config, *, writes: bool = True
) -> int:
    """Writes the table and the page, as `run` with a config does; uses no device.

    Args:
      folders: as for `run`.
      out: folder for the results.
      config: names the videos.
      writes: whether this process writes; False on all but the first of several.

    Raises:
      UserError: as for `run`.
    """
    videos = _with_temporal_tests(config)
    audit = _read_with_videos(folders, videos)
    data = report_data(
        audit,
        clip_reader(videos, audit.classes),
        pasted_foregrounds(videos, audit.classes),
        annotations(videos, audit.classes),
    )
    publish_audit(audit, data, out, writes=writes)
    return 0


def check(folders: Sequence[str | os.PathLike], config: Config) -> None:
    """Reads predictions as `run_parsed` does, to find a mistake before a long work.

    Raises:
      UserError: as for `run`.
    """
    _read_with_videos(folders, _with_temporal_tests(config), notes=False)


def _with_temporal_tests(config: Config) -> Config:
    """Returns the config with temporal tests, because their predictions may exist."""
    return dataclasses.replace(config, eval=dataclasses.replace(config.eval, temporal_tests=True))


def _read_with_videos(
    folders: Sequence[str | os.PathLike], videos: Config, *, notes: bool = True
) -> Audit:
    """Reads predictions, compares them with the manifests, and adds clips without a prediction."""
    names = wiring.class_names(videos)
    audit = read_audit(folders, wiring.suite(videos).name, names)
    _check_classes(audit, names, videos.data.manifest)

    label_of: dict[str, dict[str, int]] = {}
    for run in audit.runs:
        for task in run.predictions:
            if task not in label_of:
                label_of[task] = _labels(videos, task, audit.classes)

    for task, labels in label_of.items():
        _check_labels(task, labels, audit)
        if notes and labels:
            _note_differing_clips(task, labels, audit)
    runs = tuple(_with_left_out(run, label_of) for run in audit.runs)
    return dataclasses.replace(audit, runs=runs)


def _check_classes(audit: Audit, names: Sequence[str], manifest: str) -> None:
    """Raises UserError if the predictions and the manifest number the classes differently."""
    for number, (theirs, ours) in enumerate(zip_longest(audit.classes, names)):
        if theirs != ours:
            raise UserError(
                f"class {number} is {theirs!r} in the classes.txt of the predictions and {ours!r} "
                f"in {manifest}; number the classes in the same way"
            )


def _labels(videos: Config, task: str, classes: Sequence[str]) -> dict[str, int]:
    """Returns the class number of each clip of a task, by id; {} if the task has no manifest."""
    manifest = wiring.task_manifest(videos, task, classes)
    if manifest is None:
        return {}
    return dict(zip(manifest.ids, manifest.labels.tolist(), strict=True))


def _with_left_out(
    run: results.ModelRun, label_of: Mapping[str, Mapping[str, int]]
) -> results.ModelRun:
    """Adds clips of the manifests without a prediction to the run as left out."""
    predictions = {
        task: table.with_left_out(label_of[task]) for task, table in run.predictions.items()
    }
    return dataclasses.replace(run, predictions=predictions)


def _check_labels(task: str, label_of: Mapping[str, int], audit: Audit) -> None:
    """Raises UserError if a clip of a task has another label in its manifest."""
    for run in audit.runs:
        if task not in run.predictions:
            continue

        table = run.predictions[task]
        for clip, label in zip(table.ids, table.labels.tolist(), strict=True):
            expected = label_of.get(clip, label)
            if expected != label:
                raise UserError(
                    f"in {task}.csv of {run.name} the clip '{clip}' has the label {label}, but its "
                    f"manifest says {expected}, {audit.classes[expected]}; number the classes as "
                    "classes.txt does"
                )


def _note_differing_clips(task: str, label_of: Mapping[str, int], audit: Audit) -> None:
    """Notes the clips that only the predictions or only the manifest have."""
    for run in audit.runs:
        if task in run.predictions:
            ids = set(run.predictions[task].ids)
            _note_clips(task, run.name, len(ids - label_of.keys()), "not in its manifest")
            _note_clips(task, run.name, len(label_of.keys() - ids), "without a prediction")


def _note_clips(task: str, name: str, count: int, reason: str) -> None:
    if count:
        show(f"note: {task}.csv of {name}: {count} clips are {reason}")
