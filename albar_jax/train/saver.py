"""Validates and saves the state of a run, with its progress so far."""

import dataclasses
import time
from collections.abc import Callable

from albar_jax.parallel.exchange import all_gather
from albar_jax.train.checkpoint import BEST_METRIC, Checkpoints
from albar_jax.train.experiment import Experiment, Summary, Validation
from albar_jax.train.run_log import RunLog
from albar_jax.types import Params, TrainState


class Saver:
    """Saves checkpoints and keeps the summary of the run up to date.

    Args:
      experiment: the components of the run.
      checkpoints: checkpoints of the run.
      log: log of the run, which gets the validation metrics.
      summary: progress of the run; its seconds and numbers of videos are updated.

    Attributes:
      saved_step: step of the last checkpoint that this object has saved; None before.
    """

    def __init__(
        self, experiment: Experiment, checkpoints: Checkpoints, log: RunLog, summary: Summary
    ):
        self._experiment = experiment
        self._checkpoints = checkpoints
        self.log = log
        self.summary = summary
        self.saved_step: int | None = None
        # Start of the time that is not yet in `summary.seconds_total`.
        self._since = 0.0

    def start_clock(self, already: float) -> None:
        """Counts the time from now on as training, and also `already` seconds before."""
        self._since = time.perf_counter() - already

    def save(self, state: TrainState, *, validate: bool) -> None:
        """Saves a checkpoint. Collective: all processes must call it.

        Args:
          state: training state to save.
          validate: whether to validate it first, if the run has validation clips.
        """
        top1 = None
        validation_of = self._experiment.validate
        if validate and validation_of is not None:
            top1 = self._validate(validation_of, state.weights)

        # Each process reads other videos.
        unreadable = all_gather(self._experiment.unreadable)
        coverage = self._experiment.coverage
        self.summary.videos = coverage.num_videos(self.summary.step)
        self.summary.videos_read = coverage.num_read(self.summary.step, unreadable)

        now = time.perf_counter()
        self.summary.seconds_total += now - self._since
        self._since = now

        progress = {
            "summary": dataclasses.asdict(self.summary),
            "unreadable": unreadable,
            "coverage": coverage.state,
        }
        # The log must not lack steps that the checkpoint has done.
        self.log.sync()
        self._checkpoints.save(state, {**self._experiment.meta, **progress}, top1)
        self.saved_step = self.summary.step

    def _validate(self, validation_of: Callable[[Params], Validation], weights: Params) -> float:
        """Logs the validation metrics of weights; returns BEST_METRIC."""
        began = time.perf_counter()
        validation = validation_of(weights)
        self.log.write(self.summary.step, validation.metrics)

        self.summary.seconds_validating += time.perf_counter() - began
        self.summary.validation_videos = validation.videos
        self.summary.validation_videos_read = validation.videos_read

        return validation.metrics[BEST_METRIC]
