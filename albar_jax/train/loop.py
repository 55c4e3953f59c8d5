"""Runs the training loop: resumes, trains, logs, validates and saves, and stops cleanly."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from albar_jax.errors import StorageError
from albar_jax.profiling import host_memory
from albar_jax.profiling.flops import flops
from albar_jax.terminal.escapes import show
from albar_jax.train.agreed_stop import AgreedStop
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.experiment import Experiment, Summary
from albar_jax.train.metrics import MetricsWindow
from albar_jax.train.run_log import RunLog, contact_sheet
from albar_jax.train.saved_meta import summary_of
from albar_jax.train.saver import Saver
from albar_jax.train.signals import StopRequest
from albar_jax.train.step import TrainStep
from albar_jax.types import Batch, TrainState

# Shards of a batch in the contact sheet.
_SHARDS_SHOWN = 4


def train(experiment: Experiment, checkpoints: Checkpoints, workdir: Path) -> Summary:
    """Trains to the end; after SIGTERM or Ctrl-C it saves a checkpoint and stops.

    Args:
      experiment: the components of the run.
      checkpoints: checkpoints of the run; training resumes from the last one.
      workdir: folder of the run, for its log.

    Returns:
      The summary of the run, also of its earlier parts.

    Raises:
      UserError: a loss or gradient is not finite. The last good checkpoint is kept.
      TooFewVideos: too many videos cannot be read. The last checkpoint before that is kept.
      StorageError: the system failed to read a video. A run of one process saves first.
    """
    state, summary = _resume(experiment, checkpoints)
    log = RunLog(workdir, summary.step, active=jax.process_index() == 0)
    try:
        with StopRequest() as request:
            stop = AgreedStop(request)
            if summary.step < experiment.num_steps:
                saver = Saver(experiment, checkpoints, log, summary)
                # Close in any case: an exception would keep the workers and their memory alive.
                with contextlib.closing(experiment.train_batches(summary.step)) as batches:
                    _train_steps(experiment, batches, saver, stop, state)
    finally:
        log.close()
        checkpoints.wait()

    best = checkpoints.find("best")
    if best is not None:
        summary.best_step = best
        summary.best_validation_top1 = checkpoints.validation_top1(best)

    return summary


def _resume(experiment: Experiment, checkpoints: Checkpoints) -> tuple[TrainState, Summary]:
    """Returns state and summary of the last checkpoint, or of the start if there is none."""
    last = checkpoints.find("last")
    if last is None:
        return experiment.state, Summary(num_steps=experiment.num_steps)

    meta = checkpoints.meta(last, ["summary"])
    summary = summary_of(meta, checkpoints.name_of(last))
    summary.stopped_by = None

    # Checkpoints of version 0.1 lack both entries.
    experiment.unreadable.update(meta.get("unreadable", {}))
    experiment.coverage.restore(meta.get("coverage", {}))

    return checkpoints.restore(last, experiment.state), summary


def _train_steps(
    experiment: Experiment,
    batches: Iterator[Batch],
    saver: Saver,
    stop: AgreedStop,
    state: TrainState,
) -> None:
    """Trains from the resumed step to the end, or until `stop`."""
    summary = saver.summary
    waited_before = summary.seconds_waiting_for_data
    # The first batch is needed to compile the step.
    batch = _next_batch(experiment, batches, summary, stop)
    if batch is None:
        summary.stopped_by = stop.agreed
        stop.raise_fault()
        return

    saver.log.picture("train/batch", contact_sheet(_local_video(batch)), summary.step)
    train_step = _compile(experiment, state, batch, summary)

    # The wait for the first batch counts as training, the time of compiling does not.
    saver.start_clock(summary.seconds_waiting_for_data - waited_before)
    window = MetricsWindow(saver.log, experiment.batch_size, experiment.learning_rates)
    with _progress_bar(experiment, summary) as bar:
        while batch is not None:
            experiment.coverage.add(summary.step + 1, batch)
            state, metrics = train_step(state, batch)
            summary.step += 1
            window.add(summary.step, metrics)
            bar.update()
            _after_step(experiment, state, window, saver, bar)
            batch = _next_batch(experiment, batches, summary, stop)

        if summary.step < experiment.num_steps:
            _save_stopped(experiment, state, window, saver, stop)

    stop.raise_fault()


def _progress_bar(experiment: Experiment, summary: Summary) -> tqdm:
    return tqdm(
        total=experiment.num_steps,
        initial=summary.step,
        unit="step",
        disable=jax.process_index() != 0,
        desc="train",
    )


def _after_step(
    experiment: Experiment, state: TrainState, window: MetricsWindow, saver: Saver, bar: tqdm
) -> None:
    """Logs, validates and saves if this is due."""
    step = saver.summary.step
    waited = saver.summary.seconds_waiting_for_data
    if step % experiment.log_every == 0:
        # The counts of unreadable clips must be read before anything is logged.
        experiment.coverage.check()
        # Skip the newest step, so that the device has work while the host reads.
        bar.set_postfix_str(window.flush(step - 1, waited))

    # The last step is always saved.
    if step % experiment.save_every == 0 or step == experiment.num_steps:
        experiment.coverage.check()
        window.flush(step, waited)
        saver.save(state, validate=True)
        # Validating and saving do not count as training time.
        window.restart()


def _save_stopped(
    experiment: Experiment, state: TrainState, window: MetricsWindow, saver: Saver, stop: AgreedStop
) -> None:
    """Logs and saves a run that stops before its end."""
    summary = saver.summary
    experiment.coverage.check()
    window.flush(summary.step, summary.seconds_waiting_for_data)

    summary.stopped_by = stop.agreed
    if saver.saved_step != summary.step:
        saver.save(state, validate=False)


def _compile(
    experiment: Experiment, state: TrainState, batch: Batch, summary: Summary
) -> TrainStep:
    """Compiles the training step ahead of time; notes its duration and FLOPs in the summary."""
    if jax.process_index() == 0:
        show("compiling the training step", flush=True)

    began = time.perf_counter()
    traced = experiment.train_step.trace(state, batch)
    compiled = traced.lower().compile()
    summary.seconds_compiling += time.perf_counter() - began

    summary.flops_per_step = flops(traced, compiled) * jax.device_count()
    # Compiling leaves traces in memory that are not needed any more.
    host_memory.forget_traces()

    return compiled


def _next_batch(
    experiment: Experiment, batches: Iterator[Batch], summary: Summary, stop: AgreedStop
) -> Batch | None:
    """Returns the next batch; None at the end, to stop, or if the system failed to read it."""
    if summary.step >= experiment.num_steps:
        return None

    began = time.perf_counter()
    try:
        batch = next(batches)
    except StorageError as error:
        # To save, all processes would have to fail at the same step.
        if jax.process_count() > 1:
            raise
        stop.fault = error
        return None

    summary.seconds_waiting_for_data += time.perf_counter() - began

    return None if stop.agree() else batch


def _local_video(batch: Batch) -> np.ndarray:
    """Returns the first shards of the video that this process holds."""
    shards = batch.video.addressable_shards[:_SHARDS_SHOWN]

    return np.concatenate([np.asarray(shard.data) for shard in shards])
