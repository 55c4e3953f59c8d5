"""Trains a head: resumes to the bit, tests, logs and saves, and stops cleanly."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from tqdm import tqdm

from albar_jax.data.lookahead import map_ahead
from albar_jax.downstream.base import Evaluation, Head, HeadNetwork, HeadState
from albar_jax.downstream.keeper import Keeper, as_train_state
from albar_jax.downstream.progress import EpochMetrics, Progress, main_figure, progress_of
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import RunLog
from albar_jax.train.signals import StopRequest

# Batches that wait for the device.
_BATCHES_AHEAD = 3
# Seconds between checkpoints. A small head would otherwise spend its time on saving.
SAVE_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a training.

    Attributes:
      progress: its progress.
      state: its last state.
      evaluation: the test of the last state; None if the training was stopped or had ended before.
    """

    progress: Progress
    state: HeadState
    evaluation: Evaluation | None


def train(
    head: Head,
    checkpoints: Checkpoints,
    workdir: Path,
    meta: Mapping[str, Any],
    *,
    tests_each_epoch: bool,
    save_seconds: float = SAVE_SECONDS,
) -> Result:
    """Trains a head to the end; after SIGTERM or Ctrl-C it saves a checkpoint and stops.

    Args:
      head: head with its videos.
      checkpoints: checkpoints of the run; training resumes from the last one.
      workdir: folder of the run, for its log.
      meta: JSON-serialisable data that is saved with each checkpoint.
      tests_each_epoch: whether to test after each epoch; otherwise only at the end.
      save_seconds: least time between checkpoints, which are saved after an epoch. They do not
        change the result.

    Raises:
      UserError: a loss is not finite. The last good checkpoint is kept.
    """
    state, progress = _resume(head, checkpoints)
    log = RunLog(workdir, progress.step, active=True)
    keeper = Keeper(checkpoints, log, meta, progress, save_seconds)
    run = _Training(head, keeper, log, progress, tests_each_epoch)
    try:
        with StopRequest() as stop:
            if not progress.is_finished:
                state = run.train(state, stop)
    finally:
        log.close()
        checkpoints.wait()

    return Result(progress, state, run.evaluation)


def restore(network: HeadNetwork, checkpoints: Checkpoints, step: int) -> HeadState:
    """Returns the state of a checkpoint.

    Raises:
      UserError: the checkpoint is damaged, or its shapes differ from the network's.
    """
    saved = checkpoints.restore(step, as_train_state(_plain(network.init())))
    return HeadState(
        saved.step, saved.params, saved.opt_state["optimizer"], saved.opt_state["extra"]
    )


def _resume(head: Head, checkpoints: Checkpoints) -> tuple[HeadState, Progress]:
    """Returns state and progress of the last checkpoint, or of the start if there is none."""
    last = checkpoints.find("last")
    if last is None:
        return _plain(head.init()), Progress(num_steps=head.num_steps)

    progress = progress_of(checkpoints.meta(last, ["progress"]), checkpoints.name_of(last))
    progress.stopped_by = None

    return restore(head, checkpoints, last), progress


class _Training:
    """A training within one process.

    Attributes:
      evaluation: the test of the last state; None until then.
    """

    def __init__(
        self,
        head: Head,
        keeper: Keeper,
        log: RunLog,
        progress: Progress,
        tests_each_epoch: bool,
    ):
        self._head = head
        self._keeper = keeper
        self._log = log
        self._progress = progress
        self._tests_each_epoch = tests_each_epoch
        self._epoch = EpochMetrics(progress.rows)
        self.evaluation: Evaluation | None = None

    def train(self, state: HeadState, stop: StopRequest) -> HeadState:
        """Trains from the resumed step to the end, or until `stop`; returns the last state."""
        progress = self._progress
        steps = range(progress.step, progress.num_steps)
        batches = map_ahead(self._device_batch, steps, threads=1, ahead=_BATCHES_AHEAD)
        train_step = None

        bar = tqdm(total=progress.num_steps, initial=progress.step, unit="step", desc="train")
        with bar, contextlib.closing(batches):
            for batch in batches:
                if stop.signal_name:
                    break
                if train_step is None:
                    train_step = _compile(self._head, state, batch)

                state, metrics = train_step(state, batch)
                progress.step += 1
                self._epoch.add(metrics)
                bar.update()
                self._after_step(state, bar)

        if not progress.is_finished:
            progress.stopped_by = stop.signal_name
            self._save_stopped(state)

        return state

    def _device_batch(self, step: int) -> Mapping[str, jax.Array]:
        """Makes a batch and starts its transfer; runs in a thread of its own."""
        return jax.device_put(dict(self._head.batch(step)))

    def _after_step(self, state: HeadState, bar: tqdm) -> None:
        """Logs, tests and saves at the end of an epoch."""
        progress = self._progress
        at_end = progress.is_finished
        if progress.step % self._head.steps_per_epoch and not at_end:
            return

        metrics = self._epoch.take_means(progress.step)
        progress.rows = []
        if at_end or self._tests_each_epoch:
            self.evaluation = self._head.evaluate(state)
            if progress.add_test(self.evaluation):
                self._keeper.keep_best(state)
            metrics |= _defined(progress.last)

        self._log.write(progress.step, metrics)
        bar.set_postfix_str(_short(metrics["loss/total"], progress))
        if at_end:
            self._keeper.save(state)
        else:
            self._keeper.save_if_due(state)

    def _save_stopped(self, state: HeadState) -> None:
        self.evaluation = None
        self._progress.rows = self._epoch.read(self._progress.step)
        if self._progress.step:
            self._keeper.save(state)


def _compile(
    head: Head, state: HeadState, batch: Mapping[str, jax.Array]
) -> Callable[..., tuple[HeadState, dict[str, jax.Array]]]:
    """Compiles the training step ahead of time, so that a batch of other shapes is an error."""
    return jax.jit(head.train_step, donate_argnums=0).lower(state, batch).compile()


def _plain(state: HeadState) -> HeadState:
    """Copies a state, so that no two of its arrays share memory and each can be donated."""
    return jax.tree.map(lambda value: jnp.array(value, jnp.asarray(value).dtype), state)


def _defined(figures: Mapping[str, float | None]) -> dict[str, float]:
    return {f"test/{name}": value for name, value in figures.items() if value is not None}


def _short(loss: float, progress: Progress) -> str:
    """Formats loss and test for the progress bar."""
    text = f"loss {loss:.3f}"
    for title, figures in (("test", progress.last), ("best", progress.best)):
        figure = main_figure(figures)
        if figure is not None:
            text += f", {title} {figure:.2f}"

    return text
