"""`evaluate.py --predictions`: the benchmark on what any program has predicted."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import zip_longest

import jax
from ml_collections import ConfigDict

from albar_jax import wiring
from albar_jax.config import Config, parse
from albar_jax.errors import UserError
from albar_jax.evaluation import results
from albar_jax.evaluation.audit import Audit, read_audit
from albar_jax.report.report_data import ReportData
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import show
from albar_jax.wiring import publish


def run(folders: Sequence[str], out: str, config: ConfigDict | None = None) -> int:
    """Reads a CSV file for each task, writes the table and the page; returns the exit status.

    A `config` says where the videos are: the page then shows clips, and knows what was pasted into those of Confl-FG.

    Raises:
      UserError: for files that belong to no benchmark, contradict each other or the videos, or are malformed.
    """
    videos = None if config is None else _with_temporal_tests(parse(config))
    audit = read_audit(folders) if videos is None else _read_with_videos(folders, videos)
    with working_in(out, "--out", active=jax.process_index() == 0) as folder:
        for path in audit.unknown:
            show(f"skipped {path}: not a task of {audit.suite.name}")
        data = ReportData(results.summarise(audit.suite, audit.runs), audit.classes)
        if videos is not None:
            pictures, pasted = (
                publish.clip_reader(videos, audit.classes),
                publish.pasted_foregrounds(videos, audit.classes),
            )
            data = dataclasses.replace(data, read_clip=pictures, foregrounds=pasted)
        if jax.process_index() == 0:
            publish.publish(data, folder)
    return 0


def _with_temporal_tests(config: Config) -> Config:
    """The answers to them may be there, whether or not the config asks models for such."""
    return dataclasses.replace(config, eval=dataclasses.replace(config.eval, temporal_tests=True))


def _read_with_videos(folders: Sequence[str], videos: Config) -> Audit:
    names = wiring.class_names(videos)
    audit = read_audit(folders, wiring.suite(videos).name, names)
    for number, (theirs, ours) in enumerate(zip_longest(audit.classes, names)):
        if theirs != ours:
            raise UserError(
                f"class {number} is {theirs!r} in the classes.txt of the predictions and {ours!r} in "
                f"{videos.data.manifest}; number the classes alike"
            )
    manifests = {
        task: wiring.task_manifest(videos, task, audit.classes)
        for task in dict.fromkeys(task for run in audit.runs for task in run.predictions)
    }
    label_of = {
        task: {}
        if manifest is None
        else dict(zip(manifest.ids, manifest.labels.tolist(), strict=True))
        for task, manifest in manifests.items()
    }
    for task, labels in label_of.items():
        _check_labels(task, labels, audit)
    return dataclasses.replace(
        audit, runs=tuple(_with_unanswered(run, label_of) for run in audit.runs)
    )


def _with_unanswered(
    run: results.ModelRun, label_of: Mapping[str, Mapping[str, int]]
) -> results.ModelRun:
    """Adds clips of the manifests without a prediction to the run as left out."""
    predictions = {
        task: found.with_left_out(label_of[task]) for task, found in run.predictions.items()
    }
    return dataclasses.replace(run, predictions=predictions)


def _check_labels(task: str, label_of: Mapping[str, int], audit: Audit) -> None:
    """A clip must be of the same class in the predictions and in the manifest."""
    for run in audit.runs:
        if task not in run.predictions:
            continue
        ids = set(run.predictions[task].ids)
        for clips, what in (
            (ids - label_of.keys(), "not in its manifest"),
            (label_of.keys() - ids, "without an answer"),
        ):
            if label_of and clips:
                show(f"note: {task}.csv of {run.name}: {len(clips)} clips are {what}")
        for clip, label in zip(
            run.predictions[task].ids, run.predictions[task].labels.tolist(), strict=True
        ):
            if label_of.get(clip, label) != label:
                raise UserError(
                    f"In {task}.csv of {run.name} the clip '{clip}' has the label {label}, but its manifest says "
                    f"{label_of[clip]}, {audit.classes[label_of[clip]]}; number the classes as classes.txt does."
                )
