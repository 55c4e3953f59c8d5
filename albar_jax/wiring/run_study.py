"""`study.py`: trains and evaluates every run of a study that is not done yet, then writes its table."""

import ast
import dataclasses
import gc
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import jax

from albar_jax import wiring
from albar_jax.config import differences, may_change_on, parse
from albar_jax.data import unreadable
from albar_jax.errors import StorageError, UserError
from albar_jax.evaluation.counts import add_left_out
from albar_jax.evaluation.predictions import write_predictions
from albar_jax.files import make_folder, write_text
from albar_jax.schema.changes import without
from albar_jax.storage import json_files
from albar_jax.storage.class_names import write_class_list
from albar_jax.storage.inside import inside, own_folder
from albar_jax.studies import Run, Study, alone, list_runs, read_study
from albar_jax.terminal.escapes import shell_line, show
from albar_jax.train.signals import StopRequest
from albar_jax.wiring import run_evaluation, run_training, study_table
from albar_jax.wiring.study_table import Order

CONFIG = "config.json"  # in the folder of a run
POLL_SECONDS = 5.0  # between two looks at the runs that other processes are at


def read_order(config: str, workdir: str, seeds: Sequence[str], settings: Sequence[str]) -> Order:
    """What the flags ask for.

    Raises:
      UserError: for a study, a seed or a setting that is not right.
    """
    if not seeds or not all(seed.isdecimal() for seed in seeds) or len(set(seeds)) < len(seeds):
        raise UserError(
            f"--seeds is {','.join(seeds)!r}; it is different numbers from 0, as in --seeds 0,1,2"
        )
    study_table.commit()  # now, before the checkout can move
    study, changes = read_study(config), dict(map(_setting, settings))
    runs = list_runs(study, [int(seed) for seed in seeds], Path(workdir), changes)
    for run in runs:
        _check_same_config(run)
    words = ["--config", config, "--workdir", workdir, "--seeds", ",".join(seeds)]
    words += [word for setting in settings for word in ("--set", setting)]
    command = shell_line(["python", "study.py", *words])
    return Order(study, tuple(runs), inside(workdir, Path(config).stem), command)


def _setting(text: str) -> tuple[str, object]:
    field, equals, value = text.partition("=")
    if not equals:
        raise UserError(
            f"--set {text} says no value; write FIELD=VALUE, as in --set loader.workers=8"
        )
    try:
        return field, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return field, value


def _check_same_config(run: Run) -> None:
    """A default may not be what it was when the run was trained; a field that was not there then had its default."""
    path = run.folder / CONFIG
    if not path.exists():
        return
    saved = json_files.read_object(path, remedy="; move it away")
    changed = [line for line in differences(saved, _saved(run)) if "(absent)" not in line]
    if changed:
        raise UserError(
            f"{run.folder} was trained with another default: {changed[0]}; move it away, or undo that"
        )


def _saved(run: Run) -> dict:
    """Returns the config without the fields that may differ between studies that share the run."""
    content = json.loads(run.config.to_json_best_effort())
    return without(content, may_change_on("study"))


def list_states(order: Order) -> int:
    """Prints a line for each run; returns the exit status."""
    for run in order.runs:
        show(f"{run.number:>3}  {str(run):<28} {_state(run, order.study):<24} {run.folder}")
    return 0


def _state(run: Run, study: Study) -> str:
    if run.is_busy:
        return "at work"
    if run.is_trained:
        return "done" if _is_evaluated(run, study) else "trained"
    return "begun" if (run.folder / "checkpoints").is_dir() else "not begun"


def write_table(order: Order) -> int:
    """Writes the table of the runs that are there; returns the exit status."""
    study_table.write(order)
    return 0


def run(order: Order, cell: int | None) -> int:
    """Does all runs, or the one with this number, and writes the table; returns the exit status.

    Raises:
      UserError: for an unknown number, or a data set that is not there.
    """
    if cell is not None and not 0 <= cell < len(order.runs):
        raise UserError(
            f"--cell is {cell}, but the study has {len(order.runs)} runs, 0 to {len(order.runs) - 1}"
        )
    if jax.process_count() > 1:
        raise UserError(
            "each run of a study is done by one process; start study.py on single hosts, as often as you like"
        )
    runs = order.runs if cell is None else order.runs[cell : cell + 1]
    make_folder(order.folder, "--workdir")
    _check_data(order.study, runs)
    with StopRequest() as stop:
        progress = _Progress(order, stop)
        progress.work(runs, wait=cell is None)
        study_table.write(order)
    if stop.signal_name:
        done = sum(run.is_trained for run in order.runs)
        show(
            f"stopped by {stop.signal_name} with {done} of {len(order.runs)} runs trained; repeat the command to resume"
        )
        return 128 + signal.Signals[stop.signal_name]
    for failed, error in progress.failed.items():
        show(f"failed: {failed}: {error}")
    return 2 if progress.failed else 0


def _check_data(study: Study, runs: Sequence[Run]) -> None:
    """At once, and not after the days that the runs before it take."""
    manifests = [run.config.data.manifest for run in runs if not run.is_trained]
    missing = [
        manifest for manifest in manifests if study.prepare is None and not Path(manifest).exists()
    ]
    if missing:
        raise UserError(f"{missing[0]} is not there; make it with: {study.data}")


class _Progress:
    """What has been done here, and how long it took."""

    def __init__(self, order: Order, stop: StopRequest):
        self._order = order
        self._stop = stop
        self._seconds: list[float] = []
        self.failed: dict[str, UserError | StorageError] = {}

    def work(self, runs: Sequence[Run], *, wait: bool) -> None:
        """Does these runs in order; those that other processes are at are passed over, and looked at again."""
        left = list(runs)
        while left and not self._stop.signal_name:
            busy = [run for run in left if not self._stop.signal_name and not self._do(run)]
            if len(busy) == len(left):
                show(
                    f"another process is training {busy[0]}"
                    + ("; waiting" if wait else "; skipped"),
                    flush=True,
                )
            if not wait:
                return
            while busy and not self._stop.signal_name and all(run.is_busy for run in busy):
                time.sleep(POLL_SECONDS)
            left = busy

    def _do(self, run: Run) -> bool:
        """Trains and evaluates one run, whatever of it is not done; False if another process is at it."""
        with run.claimed() as ours:
            if not ours:
                return False
            if run.is_trained and _is_evaluated(run, self._order.study):
                return True
            self._announce(run)
            began, trains = time.perf_counter(), not run.is_trained
            try:
                self._prepare(run)
                if (
                    run.is_trained
                    or run_training.run(run.config, str(run.folder), is_locked=True) == 0
                ):
                    _evaluate(run, self._order, self._stop)
            except (UserError, StorageError) as error:
                # A signal to the whole group ends the loader's workers first. Others may go well: a divergence, say.
                if not self._stop.signal_name:
                    self.failed[str(run)] = error
                    show(f"failed: {run}: {error}", flush=True)
            if trains and run.is_trained:
                self._seconds.append(time.perf_counter() - began)
            # The compiled steps of one run are of no use to the next.
            jax.clear_caches()
            gc.collect()
        return True

    def _announce(self, run: Run) -> None:
        left = [other for other in self._order.runs if not other.is_trained]
        total = len(self._order.runs)
        text = f"== run {run.number} of 0..{total - 1}: {run} ({total - len(left)} trained"
        if self._seconds:
            text += f", about {study_table.in_words(len(left) * sum(self._seconds) / len(self._seconds))} to go"
        show("", f"{text})", flush=True)

    def _prepare(self, run: Run) -> None:
        if self._order.study.prepare is not None:
            # Cells of a seed share its data: the first process makes them, the others wait.
            with alone(Path(run.config.data.manifest).parent):
                self._order.study.prepare(run.config)
        if not run.is_trained:
            study_table.note_origin(run)
        write_text(run.folder / CONFIG, json.dumps(_saved(run), indent=2) + "\n")


def _is_evaluated(run: Run, study: Study) -> bool:
    return {*study.suite.tasks, *wiring.temporal_tasks(parse(run.config))} <= set(run.predictions)


def _evaluate(run: Run, order: Order, stop: StopRequest) -> None:
    """Writes what the best checkpoint says of each test set of the study that has no answers yet."""
    config = parse(run.config)
    tested = dataclasses.replace(
        config, eval=dataclasses.replace(config.eval, suite=order.study.suite.name)
    )
    # Today's config: it may have fields that were not thought of when the run was trained.
    model, failures = run_evaluation.from_checkpoint(run.folder, "best", lambda _: tested), {}
    folder = own_folder(run.folder, "predictions")
    write_class_list(folder / "classes.txt", model.classes)
    for task, predictions in run_evaluation.predictions(
        order.study.suite, model, failures, done=run.predictions
    ):
        # Written before the CSV, which marks the task as done.
        add_left_out(folder, task, predictions)
        write_predictions(inside(folder, f"{task}.csv"), predictions)
        if stop.signal_name:
            break
    unreadable.report(failures, folder)
