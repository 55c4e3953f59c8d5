"""Defines the components of a training run and its summary."""

import dataclasses
from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from albar_jax.train.coverage import Coverage
from albar_jax.train.step import TrainStep
from albar_jax.types import Batch, Params, TrainState


@dataclasses.dataclass(frozen=True)
class Validation:
    """The result of a validation.

    Attributes:
      metrics: name -> value.
      videos_read: number of readable videos.
      videos: number of all videos.
    """

    metrics: Mapping[str, float]
    videos_read: int
    videos: int


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The components of a training run, built from a config by `wiring.training`.

    Attributes:
      state: training state before the first step.
      train_step: see `step.make_train_step`.
      train_batches: returns the training batches from a step to `num_steps`.
      validate: returns the metrics of parameters on the validation clips, including BEST_METRIC
        (top-1). None without validation.
      learning_rates: learning rate of each step, float32 (num_steps,).
      num_steps: number of training steps.
      save_every: steps between checkpoints; each checkpoint is validated first.
      log_every: steps between log records.
      batch_size: clips per step over all devices.
      unreadable: path -> message of videos that this process could not read. The streams of the
        experiment fill this log.
      coverage: counts unreadable training clips.
      notes: sentences to print before the run starts.
      meta: data saved with each checkpoint: config and classes.
    """

    state: TrainState
    train_step: TrainStep
    train_batches: Callable[[int], Generator[Batch, None, None]]
    validate: Callable[[Params], Validation] | None
    learning_rates: np.ndarray
    num_steps: int
    save_every: int
    log_every: int
    batch_size: int
    unreadable: MutableMapping[str, str]
    coverage: Coverage
    notes: Sequence[str]
    meta: Mapping[str, Any]


@dataclasses.dataclass
class Summary:
    """The progress of a run over all its processes; saved with each checkpoint.

    Attributes:
      step: number of completed steps.
      num_steps: number of steps of the whole run.
      stopped_by: name of the signal that stopped the run; None if none did.
      flops_per_step: FLOPs of one training step on all devices.
      seconds_compiling: seconds of compiling the training step.
      seconds_total: seconds of the loop with waiting and validating, but without compiling.
      seconds_waiting_for_data: seconds that the loop waited for the loader.
      seconds_validating: seconds of all validations.
      best_step: step of the best checkpoint.
      best_validation_top1: its validation accuracy, 0 to 1; -1 if none was validated.
      videos: number of training videos drawn so far.
      videos_read: number of these that were always readable.
      validation_videos: number of validation videos.
      validation_videos_read: number of these that were readable.
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
    videos: int = 0
    videos_read: int = 0
    validation_videos: int = 0
    validation_videos_read: int = 0
