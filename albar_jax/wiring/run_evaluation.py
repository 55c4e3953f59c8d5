"""`evaluate.py`: runs the benchmark on trained models and writes the table, the predictions and the publish."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from albar_jax import wiring
from albar_jax.config import Config, may_change_on, parse
from albar_jax.data import unreadable
from albar_jax.data.manifest import Manifest
from albar_jax.errors import UserError
from albar_jax.evaluation import results
from albar_jax.evaluation.analyses.figures import temporal_tasks
from albar_jax.evaluation.counts import write_left_out
from albar_jax.evaluation.predictions import Predictions, write_predictions
from albar_jax.evaluation.suites import SUITES, Suite
from albar_jax.evaluation.views import write_views
from albar_jax.parallel.hosts import gather
from albar_jax.parallel.mesh import data_mesh
from albar_jax.parallel.same_launch import check_same_launch
from albar_jax.report.html_page import ReportData
from albar_jax.storage.class_names import check_names, read_class_list, write_class_list
from albar_jax.storage.inside import inside, own_folder
from albar_jax.storage.lock import working_in
from albar_jax.terminal.escapes import printable, show
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.checkpoint_checks import telling_of_damage
from albar_jax.train.run_log import read_history
from albar_jax.train.run_summary import read_summary
from albar_jax.types import Params
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.loading import classes_file, load
from albar_jax.weights.torch_names import flatten
from albar_jax.wiring import costs, publish

# File names of the predictions of all suites.
_EVERY_TASK = {
    task for suite in SUITES.values() for task in (*suite.tasks, *temporal_tasks(suite).values())
}


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model to evaluate: where it is from, its config, its classes, and how to get its parameters."""

    name: str
    config: Config
    classes: tuple[str, ...]
    step: int | None
    restore: Callable[[Params], Params]
    workdir: Path | None = None


def from_workdir(workdir: str, checkpoint: str, config: ConfigDict | None = None) -> Trained:
    """Loads the model of a training run. `checkpoint` is "best", "last" or a step.

    With a `config`, its `eval`, `loader`, manifest, test split and short-video rules replace the
    training's. Use it for other views, for another protocol, or for videos that have moved.
    """

    def config_of(saved: ConfigDict) -> Config:
        trained = parse(saved)
        if config is None:
            return trained
        tested = parse(config)
        tests = {
            name: getattr(tested.data, name)
            for name in ("manifest", "test_split", "short", "starts")
        }
        data = dataclasses.replace(trained.data, **tests)
        return dataclasses.replace(trained, eval=tested.eval, loader=tested.loader, data=data)

    return from_checkpoint(Path(workdir), checkpoint, config_of)


def from_checkpoint(
    workdir: Path, checkpoint: str, config_of: Callable[[ConfigDict], Config]
) -> Trained:
    """The model of a training run, under the config that `config_of` makes of the one that it was trained with."""
    checkpoints = Checkpoints(workdir, read_only=True)
    step = checkpoints.find(checkpoint)
    if step is None:
        raise UserError(
            f"{workdir} has no finished checkpoint yet; let train.py run until it has saved one"
        )
    meta = checkpoints.meta(step, ["config", "classes"])
    with telling_of_damage(checkpoints.directory / str(step)):
        config = config_of(ConfigDict(meta["config"]))
    return Trained(
        name=config.name,
        config=config,
        classes=tuple(meta["classes"]),
        step=step,
        restore=lambda template: _finite(
            checkpoints.restore_params(step, template), f"{workdir} at step {step}"
        ),
        workdir=workdir,
    )


def _finite(params: Params, source: str) -> Params:
    """Raises UserError for parameters that are not finite; every process checks its own copy."""
    local = {path: np.asarray(leaf.addressable_data(0)) for path, leaf in flatten(params).items()}
    refuse_unusable(local, source)
    return params


def from_weights(weights: str, config: ConfigDict) -> Trained:
    """A model that was never trained here: converted or PyTorch weights, tested as the config says.

    If the classes of the weights are listed beside them, they have the numbers of that list, and the manifest must have
    the same.
    """
    parsed = parse(config)
    classes, listing = wiring.class_names(parsed), classes_file(weights)
    listed = read_class_list(listing).names
    if listed and (odd := sorted({*listed} ^ {*classes})):
        where = listing if odd[0] in listed else parsed.data.manifest
        raise UserError(
            f"{weights} has other classes than {parsed.data.manifest}: {odd[0]!r} is in {where} alone; "
            "fine-tune it first, with train.py and --config.init"
        )
    classes = listed or classes

    def restore(template: Params) -> Params:
        found, params = load(weights, wiring.model_config(parsed, len(classes)))
        if found.num_classes != len(classes):
            raise UserError(
                f"{weights} tells {found.num_classes} classes apart, but {parsed.data.manifest} has {len(classes)}; "
                "fine-tune it first, with train.py and --config.init"
            )
        # Heads that a method brings are in the template alone; evaluation needs none.
        return jax.device_put(params, jax.tree.leaves(template)[0].sharding)

    return Trained(
        name=Path(weights).name, config=parsed, classes=classes, step=None, restore=restore
    )


def run(models: Sequence[Trained], out: str) -> int:
    """Evaluates all models; returns the exit status.

    Raises:
      UserError: if the models are of different suites, or nothing can be evaluated.
    """
    suite = wiring.suite(models[0].config)
    for model in models:
        if model.config.eval.suite != suite.name:
            raise UserError(
                f"{model.name} belongs to the suite {model.config.eval.suite} and {models[0].name} to {suite.name}; "
                "evaluate them one suite at a time"
            )
        if model.classes != models[0].classes:
            raise UserError(
                f"{model.name} and {models[0].name} were trained on different classes, so they cannot share a page; "
                "evaluate them one by one"
            )
    named = [(model.name, model.config.seed) for model in models]
    for name, seed in named:
        if named.count((name, seed)) > 1:
            raise UserError(
                f"Two runs are named '{name}' and have seed {seed}; leave one out, or change its config.name"
            )
    tested = {f"{model.name}, seed {model.config.seed}": _settings(model) for model in models}
    check_same_launch({"out": out, "models": tested}, may_change_on("launch"))
    # Fail before hours of work whose results could not be written.
    with working_in(out, "--out", active=jax.process_index() == 0) as folder:
        for name, seed in named:
            check_names(models[0].classes, inside(folder, "predictions", f"{name}_seed{seed}"))
        failures: dict[str, str] = {}
        runs = [_run_model(suite, model, failures) for model in models]
        failures = gather(failures)
        if jax.process_index() == 0:
            _write(suite, models, _with_costs(runs, models), folder, failures)
    return 0


def _settings(model: Trained) -> dict[str, Any]:
    return {"step": model.step, "config": dataclasses.asdict(model.config)}


def _run_model(suite: Suite, model: Trained, failures: dict[str, str]) -> results.ModelRun:
    return results.ModelRun(
        name=model.name,
        seed=model.config.seed,
        checkpoint_step=model.step,
        predictions=dict(predictions(suite, model, failures)),
        history=read_history(model.workdir) if model.workdir else (),
        train_seconds=read_summary(model.workdir).get("seconds_total"),
        views={
            task: wiring.views_in_words(model.config, task)
            for task in _all_tasks(suite, model.config)
        },
    )


def predictions(
    suite: Suite, model: Trained, failures: dict[str, str], done: Collection[str] = ()
) -> Iterator[tuple[str, Predictions]]:
    """The tasks of the suite that have a manifest and are not `done`, and the answers of the model, one by one.

    Videos that cannot be read are noted in `failures`, with the reason.
    """
    manifests = _task_manifests(suite, model, done)
    if not manifests:
        return
    mesh = data_mesh()
    apply, template = wiring.model_shapes(model.config, len(model.classes), mesh)
    params = model.restore(template)
    predict = wiring.predictor(model.config, apply, mesh, failures)
    orders = wiring.temporal_tasks(model.config)
    bar = tqdm(manifests.items(), unit="test set", disable=jax.process_index() != 0)
    for task, manifest in bar:
        bar.set_description(printable(f"{model.name}: {task}"))
        yield task, predict(params, manifest, orders.get(task, "forward"), task)


def _task_manifests(suite: Suite, model: Trained, done: Collection[str]) -> dict[str, Manifest]:
    tasks = [task for task in _all_tasks(suite, model.config) if task not in done]
    found = {task: wiring.task_manifest(model.config, task, model.classes) for task in tasks}
    missing = [task for task, manifest in found.items() if manifest is None]
    if missing:
        show(
            f"not evaluated, no manifest in {wiring.task_folder(model.config)}: {', '.join(missing)}"
        )
    return {task: manifest for task, manifest in found.items() if manifest is not None}


def _all_tasks(suite: Suite, config: Config) -> tuple[str, ...]:
    return (*suite.tasks, *wiring.temporal_tasks(config))


def _with_costs(
    runs: Sequence[results.ModelRun], models: Sequence[Trained]
) -> list[results.ModelRun]:
    """Adds what each training cost in steps of plain training, if a plain one of the same network is among them."""
    found = costs.plain_steps([(model.config, read_summary(model.workdir)) for model in models])
    return [
        dataclasses.replace(run, cost_plain_steps=cost)
        for run, cost in zip(runs, found, strict=True)
    ]


def _write(
    suite: Suite,
    models: Sequence[Trained],
    runs: Sequence[results.ModelRun],
    out: Path,
    failures: Mapping[str, str],
) -> None:
    for run in runs:
        folder = own_folder(out, "predictions", f"{run.name}_seed{run.seed}")
        # They may be predictions of another checkpoint or suite. Any other file belongs to the user and stays.
        for task in _EVERY_TASK - set(run.predictions):
            (folder / f"{task}.csv").unlink(missing_ok=True)
        for task, predictions in run.predictions.items():
            write_predictions(inside(folder, f"{task}.csv"), predictions)
        write_left_out(folder, run.predictions)
        write_class_list(folder / "classes.txt", models[0].classes)
        write_views(folder, {task: run.views[task] for task in run.predictions})
    summaries, config, classes = results.summarise(suite, runs), models[0].config, models[0].classes
    pictures, pasted = publish.clip_reader(config, classes), publish.foregrounds(config, classes)
    publish.publish(ReportData(suite, summaries, classes, pictures, pasted), out)
    (out / unreadable.FILE).unlink(
        missing_ok=True
    )  # what was unreadable before has been tried again
    unreadable.report(failures, out)
