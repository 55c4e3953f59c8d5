"""Counts unreadable training clips, and stops a run that has too many of them."""

import collections
from collections.abc import Container, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Int

from albar_jax.errors import UserError
from albar_jax.parallel.exchange import STEPS_AHEAD
from albar_jax.parallel.mesh import replicated
from albar_jax.types import Batch

FIELD = "config.loader.max_unreadable"
_LEAVE_OUT = "prepare the data set again with --check, which leaves them out"


class TooFewVideos(UserError):  # noqa: N818 - the name says what is wrong
    """Raised if too many videos are unreadable, by all processes at the same step."""


class Coverage:
    """The numbers of unreadable training clips in each epoch.

    Clips of the global batch are counted on the devices, so all processes have the same counts and
    stop at the same step. The counts are read two steps late, but `check` reads all of them before
    anything is logged or saved.

    Args:
      paths: paths of all training videos.
      labels: class number of each video, int (n,).
      classes: names of the classes.
      batch_size: clips per step over all devices.
      max_unreadable: largest share of unreadable videos, 0 to 1.
      mesh: devices over which batches are split.
    """

    def __init__(
        self,
        paths: Sequence[str],
        labels: Int[np.ndarray, " n"],
        classes: Sequence[str],
        batch_size: int,
        max_unreadable: float,
        mesh: Mesh,
    ):
        self._paths = paths
        self._classes = classes
        self._videos_of_class = np.bincount(labels, minlength=len(classes))
        self._batch_size = batch_size
        self._max_unreadable = max_unreadable
        # Unreadable clips of this epoch by class.
        self._lost = np.zeros(len(classes), int)
        self._pending: collections.deque[tuple[int, jax.Array]] = collections.deque()
        self._count = jax.jit(_count_lost, out_shardings=replicated(mesh))

    def add(self, step: int, batch: Batch) -> None:
        """Counts the batch of a step.

        Args:
          step: number of the step, from 1.
          batch: global batch.

        Raises:
          TooFewVideos: an earlier step had too few readable clips.
        """
        counts = self._count(batch.valid, batch.target, self._rest_of_epoch(step))
        self._pending.append((step, counts))
        # `MetricsWindow` has waited for the older steps, so reading their counts does not wait.
        while len(self._pending) > STEPS_AHEAD:
            self._read(*self._pending.popleft())

    def check(self) -> None:
        """Waits for the counts of all steps so far. Raises TooFewVideos."""
        while self._pending:
            self._read(*self._pending.popleft())

    @property
    def state(self) -> dict[str, int]:
        """Returns the unreadable clips of the current epoch by class number, for a checkpoint."""
        return {str(label): int(count) for label, count in enumerate(self._lost) if count}

    def restore(self, state: dict[str, int]) -> None:
        """Restores the `state` of a checkpoint. Raises UserError if it has other classes."""
        for label, count in state.items():
            if int(label) >= len(self._lost):
                raise UserError(
                    f"the checkpoint counts clips of class {label}, but there are "
                    f"{len(self._lost)} classes"
                )
            self._lost[int(label)] = count

    def num_videos(self, step: int) -> int:
        """Returns the number of training videos drawn in the first `step` steps."""
        return min(step * self._batch_size, len(self._paths))

    def num_read(self, step: int, unreadable: Container[str]) -> int:
        """Returns the number of these videos that were always readable.

        Args:
          step: number of completed steps.
          unreadable: paths of the videos that could not be read.
        """
        num_unreadable = sum(path in unreadable for path in self._paths)

        return max(0, self.num_videos(step) - num_unreadable)

    def _rest_of_epoch(self, step: int) -> int:
        """Returns the number of clips of a step in the epoch in which the step begins."""
        begin_in_epoch = (step - 1) * self._batch_size % len(self._paths)

        return min(self._batch_size, len(self._paths) - begin_in_epoch)

    def _read(self, step: int, counts: jax.Array) -> None:
        """Reads the counts of a step from the device and checks them."""
        # A batch may hold the end of one epoch and the beginning of the next.
        this_epoch, next_epoch = np.asarray(jax.device_get(counts)).round().astype(int)
        if this_epoch.sum() + next_epoch.sum() >= self._batch_size:
            raise TooFewVideos(
                f"none of the {self._batch_size} clips of step {step} can be read, so it has "
                f"nothing to learn from; {_LEAVE_OUT}"
            )

        self._lost += this_epoch
        self._check_epoch(step)

        # The epoch ends within this step or with it.
        if self._epochs_done(step) > self._epochs_done(step - 1):
            self._lost = next_epoch
            self._check_epoch(step)

    def _epochs_done(self, step: int) -> int:
        return step * self._batch_size // len(self._paths)

    def _check_epoch(self, step: int) -> None:
        """Raises TooFewVideos if this epoch lost a whole class or too many videos."""
        is_whole = (self._lost > 0) & (self._lost >= self._videos_of_class)
        if is_whole.any():
            label = int(is_whole.argmax())
            raise TooFewVideos(
                f"none of the {self._videos_of_class[label]} training videos of the class "
                f"{self._classes[label]!r} can be read up to step {step}, so it cannot be "
                "learned; repair the videos, or prepare the data set again without the class"
            )

        check_share(
            int(self._lost.sum()),
            len(self._paths),
            self._max_unreadable,
            f"training videos of one epoch, up to step {step},",
        )


def check_share(lost: int, total: int, max_unreadable: float, what: str) -> None:
    """Raises TooFewVideos if more than a share `max_unreadable` of the videos is lost.

    Args:
      lost: number of unreadable videos.
      total: number of all videos.
      max_unreadable: largest allowed share, 0 to 1.
      what: name of the videos for the message.
    """
    if lost > max_unreadable * total:
        raise TooFewVideos(
            f"{lost} of the {total} {what} cannot be read, and {FIELD} allows "
            f"{max_unreadable:.1%}; {_LEAVE_OUT}, or raise {FIELD}"
        )


def _count_lost(valid: Array, target: Array, rest: Array) -> Array:
    """Counts unreadable clips by class.

    Args:
      valid: 1 for readable clips, (b,).
      target: class probabilities, (b, classes).
      rest: number of clips in the epoch in which the step begins.

    Returns:
      Counts of the first `rest` clips and of the others, (2, classes).
    """
    lost = (1 - valid)[:, None] * target
    is_first = (jnp.arange(len(valid)) < rest)[:, None]

    return jnp.stack([(lost * is_first).sum(0), (lost * ~is_first).sum(0)])
