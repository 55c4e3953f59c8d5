"""Keeps the progress of a head's training and the metrics of its epoch."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from albar_jax.downstream.base import Evaluation
from albar_jax.errors import UserError
from albar_jax.schema import fields
from albar_jax.types import Metrics

Figures = dict[str, float | None]

# Steps that the host may be ahead of the device. More would only queue batches in its memory.
_STEPS_AHEAD = 2


@dataclasses.dataclass
class Progress:
    """The progress of a training; saved with each checkpoint.

    Attributes:
      step: number of completed steps.
      num_steps: number of steps of the whole training.
      stopped_by: name of the signal that stopped it; None if none did.
      last: figures of the last test, in percent; {} before the first test.
      best: figures of the best test. The best test has the highest first figure.
      best_step: step of the best test; 0 before the first test.
      rows: metrics of the finished steps of an unfinished epoch.
    """

    step: int = 0
    num_steps: int = 0
    stopped_by: str | None = None
    last: Figures = dataclasses.field(default_factory=dict)
    best: Figures = dataclasses.field(default_factory=dict)
    best_step: int = 0
    rows: list[dict[str, float]] = dataclasses.field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Returns whether all steps are done."""
        return self.step >= self.num_steps

    def add_test(self, evaluation: Evaluation) -> bool:
        """Records the figures of a test; returns whether it is better than all before."""
        self.last = dict(evaluation.figures)
        score = main_figure(self.last)
        best = main_figure(self.best)
        # A figure can be undefined, for example without an abnormal frame.
        if score is None or (best is not None and score <= best):
            return False

        self.best = self.last
        self.best_step = self.step
        return True


def main_figure(figures: Mapping[str, float | None]) -> float | None:
    """Returns the first figure, which is the figure of the paper; None if it is undefined."""
    return next(iter(figures.values()), None)


def progress_of(content: Mapping[str, Any], name: str) -> Progress:
    """Returns the progress in the metadata of a checkpoint.

    Args:
      content: metadata of the checkpoint.
      name: name of the checkpoint for messages.

    Raises:
      UserError: the checkpoint is not one of a head.
    """
    names = {field.name for field in dataclasses.fields(Progress)}
    progress = content.get("progress")
    if not isinstance(progress, dict) or set(progress) != names:
        raise UserError(
            f"{name} is not a checkpoint of `albar downstream train`; choose another --workdir"
        )

    kinds = {"step": fields.StepsDone, "num_steps": fields.Steps, "best_step": fields.StepsDone}
    for field, kind in kinds.items():
        fields.check(kind, progress[field], f"progress.{field} of {name}")
    return Progress(**progress)


class EpochMetrics:
    """The metrics of an epoch, which stay on the device until the epoch ends.

    Args:
      rows: metrics of steps that an earlier process has finished.
    """

    def __init__(self, rows: list[dict[str, float]]):
        self._rows = list(rows)
        self._pending: list[Metrics] = []

    def add(self, metrics: Metrics) -> None:
        """Adds the metrics of one step; waits while the device is more than two steps behind."""
        self._pending.append(metrics)
        if len(self._pending) > _STEPS_AHEAD:
            jax.block_until_ready(self._pending[-1 - _STEPS_AHEAD])

    def read(self, step: int) -> list[dict[str, float]]:
        """Returns the metrics of all steps of the epoch so far.

        Args:
          step: number of completed steps.

        Raises:
          UserError: a metric is not finite.
        """
        first = step - len(self._pending)
        # One transfer for all steps.
        for number, row in enumerate(jax.device_get(self._pending), first + 1):
            numbers = {name: float(value) for name, value in row.items()}
            _check_finite(number, numbers)
            self._rows.append(numbers)

        self._pending = []
        return self._rows

    def take_means(self, step: int) -> dict[str, float]:
        """Returns the mean of each metric over the epoch, and begins the next epoch."""
        rows = self.read(step)
        means = {name: float(np.mean([row[name] for row in rows])) for name in sorted(rows[0])}
        self._rows = []

        return means


def _check_finite(step: int, metrics: Mapping[str, float]) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise UserError(
                f"{name} is {value} at step {step}, so training stopped; the last good checkpoint "
                "is kept; check the features, or try a lower learning rate"
            )
