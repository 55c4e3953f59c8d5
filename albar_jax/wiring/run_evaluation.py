"""`albar evaluate`: runs the benchmark on trained models and writes the results."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

from albar_jax import wiring
from albar_jax.config import Config, may_change_on
from albar_jax.config.config_files import executed_files
from albar_jax.data import unreadable
from albar_jax.data.manifest import Manifest
from albar_jax.evaluation import results
from albar_jax.evaluation.appearance_motion import write_split
from albar_jax.evaluation.audit import folder_name
from albar_jax.evaluation.counts import write_left_out
from albar_jax.evaluation.predictions import Predictions, write_predictions
from albar_jax.evaluation.suites import SUITES, Suite
from albar_jax.evaluation.views import write_views
from albar_jax.parallel.exchange import all_gather
from albar_jax.parallel.mesh import data_mesh
from albar_jax.parallel.same_launch import check_same_launch
from albar_jax.report import outputs
from albar_jax.report.report_data import ReportData
from albar_jax.storage import class_names
from albar_jax.storage.class_names import check_names, write_class_list
from albar_jax.storage.inside import inside, own_folder
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import printable, show
from albar_jax.train.run_log import read_history
from albar_jax.train.run_summary import read_summary
from albar_jax.wiring import costs
from albar_jax.wiring.appearance_motion import appearance_motion
from albar_jax.wiring.comparable import check_comparable
from albar_jax.wiring.explained_examples import explain_examples
from albar_jax.wiring.report_videos import annotations, clip_reader, pasted_foregrounds
from albar_jax.wiring.trained_models import Trained

# File names of the predictions of all suites.
_EVERY_TASK = {task for suite in SUITES.values() for task in suite.every_task}


def run(models: Sequence[Trained], out: str) -> int:
    """Evaluates models and writes the files of `albar_jax.report.outputs`; returns the exit status.

    Collective: every process must call it.

    Args:
      models: at least one model; all of one suite and with the same classes.
      out: folder for the results.

    Raises:
      UserError: the models cannot share a page, or nothing can be evaluated.
    """
    suite = wiring.suite(models[0].config)
    check_comparable(models, "evaluate")
    tested = {f"{model.name}, seed {model.config.seed}": _settings(model) for model in models}
    settings = {"out": out, "config files": executed_files(), "models": tested}
    check_same_launch(settings, may_change_on("launch"))

    # If the results cannot be written, this fails before hours of work.
    with working_in(out, "--out", active=jax.process_index() == 0) as folder:
        for model in models:
            name = folder_name(model.name, model.config.seed)
            check_names(models[0].classes, inside(folder, "predictions", name))

        feed = wiring.VideoFeed(data_mesh())
        runs = [_run_model(suite, model, feed) for model in models]
        failures = all_gather(feed.failures)
        if jax.process_index() == 0:
            _write(suite, models, _with_costs(runs, models), folder, failures)
    return 0


def _settings(model: Trained) -> dict[str, Any]:
    return {"step": model.step, "config": dataclasses.asdict(model.config)}


def _run_model(suite: Suite, model: Trained, feed: wiring.VideoFeed) -> results.ModelRun:
    tasks = tested_tasks(suite, model.config)
    return results.ModelRun(
        name=model.name,
        seed=model.config.seed,
        checkpoint_step=model.step,
        predictions=dict(predictions(suite, model, feed)),
        history=read_history(model.workdir) if model.workdir else (),
        train_seconds=read_summary(model.workdir).get("seconds_total"),
        views={task: wiring.views_in_words(model.config, task) for task in tasks},
        split=appearance_motion(model, feed),
    )


def predictions(
    suite: Suite, model: Trained, feed: wiring.VideoFeed, done: Collection[str] = ()
) -> Iterator[tuple[str, Predictions]]:
    """Predicts the test sets of a suite and yields (task, predictions), one task at a time.

    Tasks without a manifest are left out, and a line says so.

    Args:
      suite: the benchmark.
      model: the model.
      feed: streams the videos, and logs those that cannot be read.
      done: tasks to leave out.
    """
    manifests = _task_manifests(suite, model, done)
    if not manifests:
        return

    apply, template = wiring.model_shapes(model.config, len(model.classes), feed.mesh)
    params = model.restore(template)
    predict = wiring.predictor(model.config, apply, feed)
    orders = wiring.temporal_orders(model.config)

    bar = tqdm(manifests.items(), unit="test set", disable=jax.process_index() != 0)
    for task, manifest in bar:
        bar.set_description(printable(f"{model.name}: {task}"))
        yield task, predict(params, manifest, orders.get(task, "forward"), task)


def _task_manifests(suite: Suite, model: Trained, done: Collection[str]) -> dict[str, Manifest]:
    """Reads the manifests of the tasks; prints the tasks that have none."""
    manifests: dict[str, Manifest] = {}
    missing: list[str] = []
    for task in tested_tasks(suite, model.config):
        if task in done:
            continue
        manifest = wiring.task_manifest(model.config, task, model.classes)
        if manifest is None:
            missing.append(task)
        else:
            manifests[task] = manifest

    if missing:
        show(
            f"not evaluated, no manifest in {wiring.task_folder(model.config)}: "
            f"{', '.join(missing)}"
        )
    return manifests


def tested_tasks(suite: Suite, config: Config) -> tuple[str, ...]:
    """Returns the tasks of a suite that a config tests.

    They include its temporal tests, and the optional sets that were made.
    """
    folder = wiring.task_folder(config)
    optional = [task for task, name in suite.optional_tasks.items() if (folder / name).exists()]
    return (*suite.tasks, *wiring.temporal_orders(config), *optional)


def _with_costs(
    runs: Sequence[results.ModelRun], models: Sequence[Trained]
) -> list[results.ModelRun]:
    """Adds the cost of each training run in plain steps.

    The cost is None unless a model of the same network was trained without debiasing.
    """
    plain_steps = costs.plain_steps(
        [(model.config, read_summary(model.workdir)) for model in models]
    )
    return [
        dataclasses.replace(run, cost_plain_steps=cost)
        for run, cost in zip(runs, plain_steps, strict=True)
    ]


def _write(
    suite: Suite,
    models: Sequence[Trained],
    runs: Sequence[results.ModelRun],
    out: Path,
    failures: Mapping[str, str],
) -> None:
    """Writes the predictions, the results and the list of unreadable videos."""
    config, classes = models[0].config, models[0].classes
    for run in runs:
        _write_predictions(run, classes, out)

    data = ReportData(
        results.summarise(suite, runs),
        classes,
        clip_reader(config, classes),
        pasted_foregrounds(config, classes),
        annotations=annotations(config, classes),
    )
    data = dataclasses.replace(data, explained=explain_examples(models, data))
    outputs.publish(data, out)

    # Videos that were unreadable in an earlier evaluation have been tried again.
    (out / unreadable.FILE).unlink(missing_ok=True)
    unreadable.report(failures, out)


def _write_predictions(run: results.ModelRun, classes: Sequence[str], out: Path) -> None:
    folder = own_folder(out, "predictions", folder_name(run.name, run.seed))
    # They may be predictions of another checkpoint or suite. Any other file belongs to the user.
    for task in _EVERY_TASK - set(run.predictions):
        (folder / f"{task}.csv").unlink(missing_ok=True)

    for task, table in run.predictions.items():
        write_predictions(inside(folder, f"{task}.csv"), table)
    write_left_out(folder, run.predictions)
    write_split(folder, run.split)
    write_class_list(folder / class_names.FILE, classes)
    write_views(folder, {task: run.views[task] for task in run.predictions})
