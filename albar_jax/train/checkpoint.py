"""Saves and restores the checkpoints of a run: the newest two, and the best by validation."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from albar_jax.errors import UserError
from albar_jax.files import plainly_named
from albar_jax.schema.changes import differing, listed
from albar_jax.storage.inside import own_folder, refuse_links
from albar_jax.storage.orbax_files import CheckpointSeries, shapes_by_path
from albar_jax.train import checkpoint_health
from albar_jax.train.checkpoint_checks import (
    check_index,
    check_metrics,
    check_space,
    damage_as_user_error,
    read_metrics,
)
from albar_jax.train.checkpoint_health import Health
from albar_jax.train.saved_meta import check_meta
from albar_jax.types import Params, TrainState

# The validation metric, 0 to 1, that selects the best checkpoint; higher is better.
BEST_METRIC = "validation/top1"
# Number of newest checkpoints to keep, in case one of them is damaged.
_NUM_NEWEST = 2
# Number of differing arrays that a message names.
_NAMED = 3


class Checkpoints:
    """The checkpoints under `<workdir>/checkpoints`, named by the number of completed steps.

    A checkpoint gets its name only when it is complete, has checksums, and is synced to the disk.
    So a checkpoint that was being written when the process was killed is never read, and a saved
    one survives a power cut. The newest two are kept in case one is damaged, together with the
    best. Collective: all processes must call each method.

    Args:
      workdir: folder of the run.
      read_only: whether to write nothing. If True, requesting a damaged checkpoint raises an error.
        If False, damaged checkpoints are moved to `<workdir>/damaged` at once, and the others are
        used.
      health: result of `checkpoint_health.examine`, so that the checkpoints are verified only once.

    Raises:
      UserError: `read_only` and there is no folder of checkpoints, or no checkpoint to resume from
        is intact.
    """

    def __init__(self, workdir: Path, *, read_only: bool = False, health: Health | None = None):
        self.directory = Path(workdir).absolute() / "checkpoints"
        if read_only and not self.directory.is_dir():
            raise UserError(
                f"{workdir} has no folder checkpoints; is it the --workdir of a training run?"
            )

        if not read_only:
            health = self._clear_damage(health)
        self._sound = set(health.sound) if health else set()

        # The step of the checkpoint that was saved last and has not been read back yet.
        self._unchecked: int | None = None
        self._stack = contextlib.ExitStack()
        self._name = self._stack.enter_context(plainly_named(self.directory))
        self._series = CheckpointSeries(
            self._name,
            ("params", "rest"),
            score=_score,
            num_newest=_NUM_NEWEST,
            read_only=read_only,
        )

    def _clear_damage(self, health: Health | None) -> Health:
        """Prepares the folder for writing and moves damaged checkpoints out of it."""
        own_folder(self.directory.parent, self.directory.name)
        # Orbax deletes and renames checkpoints.
        refuse_links(self.directory)

        health = health or checkpoint_health.examine(self.directory)
        checkpoint_health.require_sound(health)
        checkpoint_health.set_aside(health)

        # Orbax reads the metrics of all checkpoints when it opens the folder.
        check_metrics(self.directory)

        return health

    def save(
        self, state: TrainState, meta: Mapping[str, Any], validation_top1: float | None
    ) -> None:
        """Starts writing a checkpoint; returns once the state is copied.

        Verifies the previous checkpoint first.

        Args:
          state: training state to save.
          meta: JSON-serializable data about the run: config and classes.
          validation_top1: 0 to 1; None if this state was not validated and cannot be the best.

        Raises:
          UserError: the disk has too little free space, or the previous checkpoint cannot be read.
        """
        self.wait()
        check_space(state, self._name, self.directory)

        step = int(state.step)
        # Evaluation reads only "params", so the rest is a separate item.
        trees = {
            "params": state.weights,
            "rest": {"step": state.step, "opt_state": state.opt_state},
        }
        metrics = None if validation_top1 is None else {BEST_METRIC: validation_top1}
        self._series.save(step, trees, meta, metrics)
        self._unchecked = step

    def find(self, which: str) -> int | None:
        """Returns the step of a checkpoint; None if there are no checkpoints.

        Args:
          which: "last", "best", or a step number.

        Raises:
          UserError: there is no checkpoint of this step; the message lists the existing ones.
        """
        steps = self._series.steps()
        if not steps:
            return None
        if which == "last":
            return steps[-1]
        if which == "best":
            return self._best(steps)
        if which.isdecimal() and int(which) in steps:
            return int(which)

        raise UserError(
            f"{self.directory} has no checkpoint {which!r}; it has best, last and {steps}"
        )

    def _best(self, steps: Sequence[int]) -> int:
        # With damaged metrics, another checkpoint would seem to be the best.
        health = checkpoint_health.examine(self.directory, steps, only="metrics/")
        for step in steps:
            checkpoint_health.refuse(health, step)

        scored = [step for step in steps if read_metrics(self.directory / str(step))]
        # Of two equally good checkpoints, the later one has trained longer.
        return max(scored or steps, key=lambda step: (self.validation_top1(step), step))

    def validation_top1(self, step: int) -> float:
        """Returns the validation accuracy of a checkpoint, 0 to 1; -1 if it was not validated."""
        return _score(read_metrics(self.directory / str(step)) or {BEST_METRIC: -1.0})

    def meta(self, step: int, needed: Sequence[str] = ()) -> dict[str, Any]:
        """Returns the metadata that was saved with a checkpoint.

        Args:
          step: step of the checkpoint.
          needed: required entries, such as "config".

        Raises:
          UserError: the checkpoint is damaged, or an entry is missing or has a wrong type.
        """
        self._verify(step)
        with damage_as_user_error(self.directory / str(step)):
            meta = self._series.load_meta(step)

        return check_meta(meta, self.name_of(step), needed)

    def name_of(self, step: int) -> str:
        """Returns the name of a checkpoint for messages."""
        return f"checkpoint {self.directory / str(step)}"

    def restore(self, step: int, template: TrainState) -> TrainState:
        """Returns the training state of a checkpoint.

        Args:
          step: step of the checkpoint.
          template: state with the shapes, dtypes and shardings of the result.

        Raises:
          UserError: the checkpoint is damaged, or its shapes differ from the template's.
        """
        rest = {"step": template.step, "opt_state": template.opt_state}
        restored = self._restore(step, {"params": template.weights, "rest": rest})

        # The item "params" holds the batch statistics, too.
        weights = restored["params"]
        params = {name: weights[name] for name in template.params}
        model_state = {name: weights[name] for name in template.model_state}
        rest = restored["rest"]

        return TrainState(rest["step"], params, rest["opt_state"], model_state)

    def restore_params(self, step: int, template: Params) -> Params:
        """Returns the parameters and batch statistics of a checkpoint, for evaluation.

        Args:
          step: step of the checkpoint.
          template: weights with the shapes, dtypes and shardings of the result.
        """
        return self._restore(step, {"params": template})["params"]

    def wait(self) -> None:
        """Waits until everything is on the disk, and reads the index of the newest checkpoint.

        Raises:
          UserError: the index cannot be read.
        """
        self._series.wait()

        # Each checkpoint is read back once.
        step, self._unchecked = self._unchecked, None
        if step is not None:
            check_index(lambda: self._series.check_index(step), self.directory / str(step))

    def close(self) -> None:
        """Waits until everything is on the disk, and releases all threads and files."""
        with self._stack:
            self._series.close()

    def _verify(self, step: int) -> None:
        """Verifies the checksums of a checkpoint, once."""
        if step not in self._sound:
            health = checkpoint_health.examine(self.directory, [step])
            checkpoint_health.refuse(health, step)
            self._sound.add(step)

    def _restore(self, step: int, templates: Mapping[str, Any]) -> Any:
        """Loads trees of arrays after checking their shapes."""
        self._verify(step)
        with damage_as_user_error(self.directory / str(step)):
            stored = self._series.stored_shapes(step)
            differences = [
                _shape_difference(stored[name], template) for name, template in templates.items()
            ]

        # Orbax's own message about other shapes names no array.
        for difference in differences:
            if difference:
                raise UserError(
                    f"{self.name_of(step)} does not fit the model of this config: {difference}; "
                    "use the config that it was trained with"
                )

        with damage_as_user_error(self.directory / str(step)):
            return self._series.load(step, templates)


def _shape_difference(stored: Any, template: Any) -> str:
    """Returns the first few arrays whose shapes differ; "" if none do."""
    changed = differing(shapes_by_path(stored), shapes_by_path(template), absent="absent")
    phrases = []
    for path, stored_shape, expected_shape in sorted(changed):
        phrases.append(f"{'.'.join(path)} is {stored_shape} there, not {expected_shape}")

    return listed(phrases, _NAMED)


def _score(metrics: Mapping[str, float]) -> float:
    return float(metrics[BEST_METRIC])
