"""The training loop: resume, step, log, validate, save; and stop cleanly at any moment."""

import contextlib
import dataclasses
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from albar_jax.errors import StorageError
from albar_jax.parallel.hosts import AgreedSignal, gather
from albar_jax.profiling import host_memory
from albar_jax.profiling.flops import flops
from albar_jax.terminal.escapes import show
from albar_jax.train.checkpoint import BEST_METRIC, Checkpoints
from albar_jax.train.experiment import Experiment, Summary
from albar_jax.train.metrics import MetricsWindow
from albar_jax.train.run_log import RunLog, contact_sheet
from albar_jax.train.saved_meta import summary_of
from albar_jax.train.signals import StopRequest
from albar_jax.train.step import TrainStep
from albar_jax.types import Batch, Params, TrainState


def train(experiment: Experiment, checkpoints: Checkpoints, workdir: Path) -> Summary:
    """Trains to the end, or saves and stops at SIGTERM or Ctrl-C.

    Raises:
      UserError: a loss or gradient is not finite. The last good checkpoint is kept.
      TooFewVideos: too many videos cannot be read. The last checkpoint before that is kept.
      StorageError: the system failed to read a video. A run of one process saves first.
    """
    state, summary = _resume(experiment, checkpoints)
    log = RunLog(workdir, summary.step, active=jax.process_index() == 0)
    try:
        with StopRequest() as request:
            stop = _Stop(request)
            if summary.step < experiment.num_steps:
                save = _Saver(experiment, checkpoints, log, summary)
                # Close in any case: an exception would keep the workers and their memory alive.
                with contextlib.closing(experiment.train_batches(summary.step)) as batches:
                    _steps(experiment, batches, save, stop, state)
    finally:
        log.close()
        checkpoints.wait()
    best = checkpoints.find("best")
    if best is not None:
        summary.best_step, summary.best_validation_top1 = best, checkpoints.validation_top1(best)
    return summary


def _resume(experiment: Experiment, checkpoints: Checkpoints) -> tuple[TrainState, Summary]:
    last = checkpoints.find("last")
    if last is None:
        return experiment.state, Summary(num_steps=experiment.num_steps)
    meta = checkpoints.meta(last, ["summary"])
    summary = summary_of(meta, checkpoints.name_of(last))
    summary.stopped_by = None
    # Checkpoints of version 0.1 lack both.
    experiment.unreadable.update(meta.get("unreadable", {}))
    experiment.coverage.restore(meta.get("coverage", {}))
    return checkpoints.restore(last, experiment.state), summary


def _steps(
    experiment: Experiment,
    batches: Iterator[Batch],
    save: "_Saver",
    stop: "_Stop",
    state: TrainState,
) -> None:
    summary, log = save.summary, save.log
    start, waited_before = summary.step, summary.seconds_waiting_for_data
    batch = _next(batches, summary, stop)
    if batch is None:
        summary.stopped_by = stop.agreed
        stop.raise_fault()
        return

    log.picture("train/batch", contact_sheet(_local_video(batch)), start)
    step_fn = _compile(experiment, state, batch, summary)
    save.start_clock(summary.seconds_waiting_for_data - waited_before)
    window = MetricsWindow(log, experiment.batch_size, experiment.learning_rates)
    is_first = jax.process_index() == 0
    with tqdm(
        total=experiment.num_steps, initial=start, unit="step", disable=not is_first, desc="train"
    ) as bar:
        while batch is not None:
            experiment.coverage.add(summary.step + 1, batch)
            state, metrics = step_fn(state, batch)
            summary.step += 1
            window.add(summary.step, metrics)
            bar.update()
            is_saved = _after_step(experiment, state, window, save, bar)
            batch = _next(batches, summary, stop) if summary.step < experiment.num_steps else None

        if summary.step < experiment.num_steps:
            experiment.coverage.check()
            window.flush(summary.step, summary.seconds_waiting_for_data)
            summary.stopped_by = stop.agreed
            if not is_saved:
                save(state, validate=False)
    stop.raise_fault()


def _after_step(
    experiment: Experiment, state: TrainState, window: MetricsWindow, save: "_Saver", bar: tqdm
) -> bool:
    """Logs and saves if the step is due. Returns whether it was saved."""
    summary = save.summary
    step, waited = summary.step, summary.seconds_waiting_for_data
    if step % experiment.log_every == 0:
        experiment.coverage.check()
        # Skip the newest step, so that the device has work while the host reads.
        bar.set_postfix_str(window.flush(step - 1, waited))
    if step % experiment.save_every and step < experiment.num_steps:
        return False

    experiment.coverage.check()
    window.flush(step, waited)
    save(state, validate=True)
    window.restart()

    return True


def _compile(
    experiment: Experiment, state: TrainState, batch: Batch, summary: Summary
) -> TrainStep:
    if jax.process_index() == 0:
        show("compiling the training step", flush=True)
    began = time.perf_counter()
    traced = experiment.train_step.trace(state, batch)
    compiled = traced.lower().compile()
    summary.seconds_compiling += time.perf_counter() - began
    summary.flops_per_step = flops(traced, compiled) * jax.device_count()
    host_memory.forget_traces()
    return compiled


def _next(batches: Iterator[Batch], summary: Summary, stop: "_Stop") -> Batch | None:
    """Returns the next batch; None to stop, or if the system failed to read it."""
    began = time.perf_counter()
    try:
        batch = next(batches)
    except StorageError as error:
        # All processes would have to save together.
        if jax.process_count() > 1:
            raise
        stop.fault = error
        return None
    summary.seconds_waiting_for_data += time.perf_counter() - began
    return None if stop.agree() else batch


class _Stop:
    """The wish to stop, which all processes have to share before any of them may."""

    def __init__(self, request: StopRequest):
        self._request = request
        self._signal = AgreedSignal()
        self.agreed: str | None = None
        self.fault: StorageError | None = None

    def raise_fault(self) -> None:
        """Raises the fault that stopped the run, after its state is saved."""
        if self.fault is not None:
            raise self.fault

    def agree(self) -> str | None:
        """The name of the signal that stops the run, None to go on: all processes ask at the same steps."""
        told = self._request.signal_name
        number = self._signal(signal.Signals[told] if told else 0)
        self.agreed = signal.Signals(number).name if number else None
        return self.agreed


class _Saver:
    """Saves the state, and how the run went up to it."""

    def __init__(
        self, experiment: Experiment, checkpoints: Checkpoints, log: RunLog, summary: Summary
    ):
        self._experiment = experiment
        self._checkpoints = checkpoints
        self.log = log
        self.summary = summary
        self._since = 0.0

    def start_clock(self, already: float) -> None:
        """From here on the time counts as training, as did `already` seconds before."""
        self._since = time.perf_counter() - already

    def __call__(self, state: TrainState, *, validate: bool) -> None:
        summary, experiment = self.summary, self._experiment
        top1 = self._validated(state.weights) if validate and experiment.validate else None
        unreadable = gather(experiment.unreadable)
        summary.videos = experiment.coverage.num_videos(summary.step)
        summary.videos_read = experiment.coverage.num_read(summary.step, unreadable)
        now = time.perf_counter()
        summary.seconds_total += now - self._since
        self._since = now
        kept = {
            "summary": dataclasses.asdict(summary),
            "unreadable": unreadable,
            "coverage": experiment.coverage.state,
        }
        self.log.sync()
        self._checkpoints.save(state, {**experiment.meta, **kept}, top1)

    def _validated(self, params: Params) -> float:
        began = time.perf_counter()
        found = self._experiment.validate(params)
        self.log.write(self.summary.step, found.metrics)
        self.summary.seconds_validating += time.perf_counter() - began
        self.summary.validation_videos, self.summary.validation_videos_read = (
            found.videos,
            found.videos_read,
        )
        return found.metrics[BEST_METRIC]


def _local_video(batch: Batch) -> np.ndarray:
    return np.concatenate([np.asarray(shard.data) for shard in batch.video.addressable_shards[:4]])
