"""What a training run is made of, and how it went."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from albar_jax.coverage import Coverage
from albar_jax.train_step import TrainStep
from albar_jax.types import Batch, Params, TrainState


@dataclasses.dataclass(frozen=True)
class Validation:
    """What is logged of a validation, and how many of its videos could be read."""

    metrics: Mapping[str, float]
    videos_read: int
    videos: int


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All that a run is made of; `build` makes it from a config.

    Attributes:
      state: before the first step.
      train_step: see `train_step.make_train_step`.
      train_batches: the training batches from a step on, up to `num_steps`.
      validate: what these parameters are worth on the validation clips; BEST_METRIC, top-1, is among the metrics. None
        where there are no such clips.
      learning_rates: float32 (num_steps,).
      num_steps: after which training ends.
      save_every: steps between two checkpoints; each is validated first.
      log_every: steps between two lines of the log.
      batch_size: clips a step, over all devices.
      unreadable: path and reason of the videos that could not be read so far, by this process.
      coverage: counts the training clips that cannot be read.
      notes: sentences to print before the run begins.
      meta: what to save with a checkpoint: config and classes.
    """

    state: TrainState
    train_step: TrainStep
    train_batches: Callable[[int], Iterator[Batch]]
    validate: Callable[[Params], Validation] | None
    learning_rates: np.ndarray
    num_steps: int
    save_every: int
    log_every: int
    batch_size: int
    unreadable: dict[str, str]
    coverage: Coverage
    notes: Sequence[str]
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
    videos: int = 0  # of the training videos, those drawn so far
    videos_read: int = 0
    validation_videos: int = 0
    validation_videos_read: int = 0
