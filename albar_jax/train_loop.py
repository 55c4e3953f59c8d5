"""The training loop: resume, step, log, validate, save; and stop cleanly at any moment."""

import dataclasses
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from albar_jax import host_memory
from albar_jax.checkpoint import BEST_METRIC, Checkpoints
from albar_jax.flops import flops
from albar_jax.hosts import AgreedSignal
from albar_jax.interrupt import StopRequest
from albar_jax.metrics_window import MetricsWindow
from albar_jax.run_log import RunLog, contact_sheet
from albar_jax.train_step import TrainStep
from albar_jax.types import Batch, Params, TrainState


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All that a run is made of; `build` makes it from a config.

    Attributes:
      state: before the first step.
      train_step: see `train_step.make_train_step`.
      train_batches: the training batches from a step on, up to `num_steps`.
      validate: what the log says of these parameters on the validation clips; BEST_METRIC, top-1, is among it. None
        where there are no such clips.
      learning_rates: float32 (num_steps,).
      num_steps: after which training ends.
      save_every: steps between two checkpoints; each is validated first.
      log_every: steps between two lines of the log.
      batch_size: clips a step, over all devices.
      unreadable: path and reason of the videos that could not be read so far.
      meta: what to save with a checkpoint: config and classes.
    """

    state: TrainState
    train_step: TrainStep
    train_batches: Callable[[int], Iterator[Batch]]
    validate: Callable[[Params], Mapping[str, float]] | None
    learning_rates: np.ndarray
    num_steps: int
    save_every: int
    log_every: int
    batch_size: int
    unreadable: Mapping[str, str]
    meta: Mapping[str, Any]


@dataclasses.dataclass
class Summary:
    """How a run went so far, over all processes that it was trained by: it is saved with each checkpoint.

    `seconds_total` is that of the loop; waiting and validating are parts of it, compiling is not.
    """

    step: int = 0
    num_steps: int = 0
    stopped_by: str | None = None
    flops_per_step: float = 0.0
    seconds_compiling: float = 0.0
    seconds_total: float = 0.0
    seconds_waiting_for_data: float = 0.0
    seconds_validating: float = 0.0
    best_step: int = 0
    best_validation_top1: float = -1.0


def train(experiment: Experiment, checkpoints: Checkpoints, workdir: Path) -> Summary:
    """Trains to the end, or until asked to stop by SIGTERM or Ctrl-C, which saves first.

    Raises:
      UserError: if a loss or a gradient is not finite. The last good checkpoint stays.
    """
    state, summary = _resume(experiment, checkpoints)
    log = RunLog(workdir, summary.step, active=jax.process_index() == 0)
    try:
        with StopRequest() as request:
            stop = _Stop(request)
            if summary.step < experiment.num_steps:
                _steps(experiment, _Saver(experiment, checkpoints, log, summary), log, stop, state)
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
    summary = Summary(**checkpoints.meta(last)["summary"])
    summary.stopped_by = None
    return checkpoints.restore(last, experiment.state), summary


def _steps(experiment: Experiment, save: "_Saver", log: RunLog, stop: "_Stop", state: TrainState) -> None:
    summary = save.summary
    start, end = summary.step, experiment.num_steps
    waited_before = summary.seconds_waiting_for_data
    batches = experiment.train_batches(start)
    batch = _next(batches, summary, stop)
    if batch is None:
        summary.stopped_by = stop.agreed
        return
    log.picture("train/batch", contact_sheet(_local_video(batch)), start)
    step_fn = _compile(experiment, state, batch, summary)
    save.start_clock(summary.seconds_waiting_for_data - waited_before)
    window = MetricsWindow(log, experiment.batch_size, experiment.learning_rates)
    bar = tqdm(total=end, initial=start, unit="step", disable=jax.process_index() != 0, desc="train")
    for step in range(start + 1, end + 1):
        state, metrics = step_fn(state, batch)
        window.add(step, metrics)
        summary.step = step
        bar.update()
        if step % experiment.log_every == 0:
            # Without the newest, so that the device has work while the host reads.
            bar.set_postfix_str(window.flush(step - 1, summary.seconds_waiting_for_data))
        is_saved = step % experiment.save_every == 0 or step == end
        if is_saved:
            window.flush(step, summary.seconds_waiting_for_data)
            save(state, validate=True)
            window.restart()
        batch = _next(batches, summary, stop) if step < end else None
        if batch is None:
            break
    if summary.step < end:
        window.flush(summary.step, summary.seconds_waiting_for_data)
        summary.stopped_by = stop.agreed
        if not is_saved:
            save(state, validate=False)
    bar.close()


def _compile(experiment: Experiment, state: TrainState, batch: Batch, summary: Summary) -> TrainStep:
    if jax.process_index() == 0:
        print("compiling the training step", flush=True)
    began = time.perf_counter()
    traced = experiment.train_step.trace(state, batch)
    compiled = traced.lower().compile()
    summary.seconds_compiling += time.perf_counter() - began
    summary.flops_per_step = flops(traced, compiled) * jax.device_count()
    host_memory.forget_traces()
    return compiled


def _next(batches: Iterator[Batch], summary: Summary, stop: "_Stop") -> Batch | None:
    """The next batch; None when asked to stop."""
    began = time.perf_counter()
    batch = next(batches)
    summary.seconds_waiting_for_data += time.perf_counter() - began
    return None if stop.agree() else batch


class _Stop:
    """The wish to stop, which all processes have to share before any of them may."""

    def __init__(self, request: StopRequest):
        self._request = request
        self._signal = AgreedSignal()
        self.agreed: str | None = None

    def agree(self) -> str | None:
        """The name of the signal that stops the run, None to go on: all processes ask at the same steps."""
        told = self._request.signal_name
        number = self._signal(signal.Signals[told] if told else 0)
        self.agreed = signal.Signals(number).name if number else None
        return self.agreed


class _Saver:
    """Saves the state, and how the run went up to it."""

    def __init__(self, experiment: Experiment, checkpoints: Checkpoints, log: RunLog, summary: Summary):
        self._experiment = experiment
        self._checkpoints = checkpoints
        self._log = log
        self.summary = summary
        self._since = 0.0

    def start_clock(self, already: float) -> None:
        """From here on the time counts as training, as did `already` seconds before."""
        self._since = time.perf_counter() - already

    def __call__(self, state: TrainState, *, validate: bool) -> None:
        summary = self.summary
        top1 = self._validated(state.weights) if validate and self._experiment.validate else None
        now = time.perf_counter()
        summary.seconds_total += now - self._since
        self._since = now
        self._checkpoints.save(state, {**self._experiment.meta, "summary": dataclasses.asdict(summary)}, top1)

    def _validated(self, params: Params) -> float:
        began = time.perf_counter()
        metrics = self._experiment.validate(params)
        self._log.write(self.summary.step, metrics)
        self.summary.seconds_validating += time.perf_counter() - began
        return metrics[BEST_METRIC]


def _local_video(batch: Batch) -> np.ndarray:
    return np.concatenate([np.asarray(shard.data) for shard in batch.video.addressable_shards[:4]])
