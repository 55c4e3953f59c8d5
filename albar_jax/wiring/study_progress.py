"""Trains and evaluates the runs of a study one after the other, and prepares their data."""

import gc
import json
import time
from collections.abc import Sequence
from pathlib import Path

import jax

from albar_jax import wiring
from albar_jax.config import parse
from albar_jax.data import unreadable
from albar_jax.errors import StorageError, UserError
from albar_jax.evaluation.counts import add_left_out
from albar_jax.evaluation.predictions import write_predictions
from albar_jax.files import write_text
from albar_jax.parallel.mesh import data_mesh
from albar_jax.storage import class_names
from albar_jax.storage.class_names import write_class_list
from albar_jax.storage.inside import inside, own_folder
from albar_jax.studies import Run, Study, alone
from albar_jax.terminal.escapes import show
from albar_jax.train.signals import StopRequest
from albar_jax.wiring import (
    run_evaluation,
    run_training,
    study_origin,
    study_probes,
    study_start,
    study_trials,
    trained_models,
)
from albar_jax.wiring.study_request import CONFIG, StudyRequest, saved_config

# Time between two checks of the runs that other processes work on.
POLL_SECONDS = 5.0


class Progress:
    """The work of this process on a study.

    Attributes:
      failed: the errors of the runs that failed, by the name of the run.
    """

    def __init__(self, request: StudyRequest, stop: StopRequest):
        self._request = request
        self._stop = stop
        # Durations of the trainings of this process.
        self._seconds: list[float] = []
        self.failed: dict[str, UserError | StorageError] = {}

    def work(self, runs: Sequence[Run], *, wait: bool) -> None:
        """Trains and evaluates runs in order. Skips runs that other processes work on.

        Args:
          runs: the runs.
          wait: whether to wait for the skipped runs, and to complete them if others stop.
        """
        left = list(runs)
        while left and not self._stop.signal_name:
            busy = [run for run in left if not self._stop.signal_name and not self._do(run)]
            if len(busy) == len(left):
                consequence = "waiting" if wait else "skipped"
                show(f"another process is training {busy[0]}; {consequence}", flush=True)
            if not wait:
                return

            while busy and not self._stop.signal_name and all(run.is_busy for run in busy):
                time.sleep(POLL_SECONDS)
            left = busy

    def _do(self, run: Run) -> bool:
        """Trains and evaluates a run as far as needed; returns False if another process has it."""
        with run.claimed() as is_ours:
            if not is_ours:
                return False
            if run.is_trained and is_evaluated(run, self._request.study):
                study_trials.record_end(self._request, run)
                return True

            self._announce(run)
            began = time.perf_counter()
            was_trained = run.is_trained
            try:
                self._finish(run)
            except (UserError, StorageError) as error:
                # A signal to the whole process group ends the loader's workers first. Without a
                # signal, only this run has failed, for example because it diverged.
                if not self._stop.signal_name:
                    self.failed[str(run)] = error
                    study_trials.record_failure(self._request, run, error)
                    show(f"failed: {run}: {error}", flush=True)

            if run.is_trained and not was_trained:
                self._seconds.append(time.perf_counter() - began)
            # The next run cannot use the compiled steps of this one.
            jax.clear_caches()
            gc.collect()
        return True

    def _finish(self, run: Run) -> None:
        self._prepare(run)
        if not run.is_trained:
            status = run_training.run(run.config, str(run.folder), is_locked=True)
            if status:
                return
        if not is_tested(run, self._request.study):
            _evaluate(run, self._request, self._stop)
        study_probes.work(run, self._request.study, self._stop)
        if is_evaluated(run, self._request.study):
            study_trials.record_end(self._request, run)

    def _announce(self, run: Run) -> None:
        total = len(self._request.runs)
        left = sum(not other.is_trained for other in self._request.runs)
        text = f"== run {run.number} of 0..{total - 1}: {run} ({total - left} trained"
        if self._seconds:
            expected = left * sum(self._seconds) / len(self._seconds)
            text += f", about {study_origin.format_duration(expected)} to go"
        show("", f"{text})", flush=True)

    def _prepare(self, run: Run) -> None:
        """Makes the data of a run and notes its config and origin in its folder."""
        study = self._request.study
        if study.prepare is not None:
            # Cells of a seed share its data: the first process makes them, the others wait.
            # They may also make a pretrained start, which takes long.
            folder = Path(run.config.data.manifest).parent
            with alone(folder, lambda: self._stop.signal_name):
                study.prepare(run.config)

        study_start.record(run)
        # The code of the test decides on the figures, too.
        if not (run.is_trained and is_tested(run, study)):
            study_origin.record_origin(run)
        if not run.is_trained:
            study_trials.record_begin(self._request, run)
        write_text(run.folder / CONFIG, json.dumps(saved_config(run), indent=2) + "\n")


def is_evaluated(run: Run, study: Study) -> bool:
    """Returns whether a run has been tested, and all downstream tasks are done."""
    return is_tested(run, study) and all(study_probes.is_done(run, each) for each in study.probes)


def is_tested(run: Run, study: Study) -> bool:
    """Returns whether all test sets of the study have predictions of the run."""
    tasks = run_evaluation.tested_tasks(study.suite, parse(run.config))
    return set(tasks) <= set(run.predictions)


def _evaluate(run: Run, request: StudyRequest, stop: StopRequest) -> None:
    """Writes the predictions of the best checkpoint for the test sets that have none yet."""
    # The current config: it may have fields that did not exist when the run was trained.
    tested = request.tested_config(run)
    model = trained_models.from_checkpoint(run.folder, "best", lambda _: tested)

    folder = own_folder(run.folder, "predictions")
    write_class_list(folder / class_names.FILE, model.classes)
    feed = wiring.VideoFeed(data_mesh())
    tables = run_evaluation.predictions(request.study.suite, model, feed, done=run.predictions)
    for task, predictions in tables:
        # Written before the CSV file, which marks the task as done.
        add_left_out(folder, task, predictions)
        write_predictions(inside(folder, f"{task}.csv"), predictions)
        if stop.signal_name:
            break
    unreadable.report(feed.failures, folder)
