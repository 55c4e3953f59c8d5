"""Saves the states of a head's training: the newest from time to time, and the best one."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import jax

from albar_jax.downstream.base import HeadState
from albar_jax.downstream.progress import Progress, main_figure
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import RunLog
from albar_jax.types import TrainState


class Keeper:
    """Saves the newest state from time to time, and with it the best state since then."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        log: RunLog,
        meta: Mapping[str, Any],
        progress: Progress,
        save_seconds: float,
    ):
        self._checkpoints = checkpoints
        self._log = log
        self._meta = meta
        self._progress = progress
        self._save_seconds = save_seconds
        self._saved_at = time.monotonic()
        # The step of the last checkpoint; 0 if there is none.
        self._saved_step = progress.step
        # The best state that has no checkpoint yet, with the metadata of its step.
        self._best: tuple[HeadState, dict[str, Any]] | None = None

    def keep_best(self, state: HeadState) -> None:
        """Copies the best state so far, to save it with the next checkpoint."""
        # The training step donates its state.
        self._best = jax.device_get(state), self._content()

    def save_if_due(self, state: HeadState) -> None:
        """Saves if the last checkpoint is old enough."""
        if time.monotonic() - self._saved_at >= self._save_seconds:
            self.save(state)

    def save(self, state: HeadState) -> None:
        """Saves the best state since the last checkpoint, then this state."""
        # The log must not lack steps that the checkpoint has done.
        self._log.sync()
        if self._best is not None:
            best, content = self._best
            figure = main_figure(content["progress"]["best"])
            # Only the best states have a score, so the newest of these is the best of all.
            self._save(jax.device_put(best), content, None if figure is None else figure / 100)
            self._best = None

        self._save(state, self._content(), None)
        self._saved_at = time.monotonic()

    def _save(self, state: HeadState, content: Mapping[str, Any], score: float | None) -> None:
        step = int(state.step)
        if step != self._saved_step:
            self._checkpoints.save(as_train_state(state), content, score)
            self._saved_step = step

    def _content(self) -> dict[str, Any]:
        return {**self._meta, "progress": dataclasses.asdict(self._progress)}


def as_train_state(state: HeadState) -> TrainState:
    """Returns the state in the form that `Checkpoints` saves."""
    return TrainState(
        state.step, state.params, {"optimizer": state.opt_state, "extra": state.extra}
    )
