"""Checkpoints of a run: the last one to resume from, and the best by validation. Orbax writes them asynchronously."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from albar_jax.errors import UserError
from albar_jax.files import plainly_named
from albar_jax.storage import seals
from albar_jax.storage.inside import own_folder, refuse_links
from albar_jax.storage.orbax_errors import print_no_background_errors
from albar_jax.train import checkpoint_health
from albar_jax.train.checkpoint_checks import (
    check_index,
    check_metrics,
    check_space,
    telling_of_damage,
)
from albar_jax.train.checkpoint_health import Health
from albar_jax.train.saved_meta import check_meta
from albar_jax.train.sealed_path import SealedPath
from albar_jax.types import Params, TrainState

# What decides which checkpoint is the best: a metric of the validation, in 0..1, higher is better.
BEST_METRIC = "validation/top1"


class Checkpoints:
    """The checkpoints under `<workdir>/checkpoints`, named by the number of steps done.

    A checkpoint gets its name only when it is complete, has checksums, and is synced to the disk. So a checkpoint that
    was being written when the process was killed is never read, and a saved one survives a power cut. The newest two
    are kept in case one is damaged, together with the best.

    Args:
      workdir: folder of the run.
      read_only: whether to write nothing. If True, requesting a damaged checkpoint raises an error. If False, damaged
        checkpoints are moved to `<workdir>/damaged` at once, and the others are used.
      health: result of `checkpoint_health.examine`, so that the checkpoints are verified only once.

    Raises:
      UserError: `read_only` and there is no folder of checkpoints, or no checkpoint to resume from is intact.
    """

    def __init__(self, workdir: Path, *, read_only: bool = False, health: Health | None = None):
        self.directory = Path(workdir).absolute() / "checkpoints"
        if read_only and not self.directory.is_dir():
            raise UserError(
                f"{workdir} has no folder checkpoints; is it the --workdir of a training run?"
            )
        self._stack = contextlib.ExitStack()
        if not read_only:
            own_folder(self.directory.parent, self.directory.name)
            # Orbax deletes and renames checkpoints.
            refuse_links(self.directory)
            health = health or checkpoint_health.examine(self.directory)
            checkpoint_health.require_sound(health)
            checkpoint_health.set_aside(health)
            # Orbax reads the metrics here.
            check_metrics(self.directory)
        self._sound = set(health.sound) if health else set()
        print_no_background_errors()
        self._name = self._stack.enter_context(plainly_named(self.directory))
        self._unchecked: int | None = None
        newest_and_best = AnyPreservationPolicy(
            [LatestN(2), BestN(get_metric_fn=_score, n=1, keep_checkpoints_without_metrics=False)]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=None if read_only else newest_and_best,
            best_fn=None if read_only else _score,
            # Without reading the metrics of all checkpoints.
            lightweight_initialize=read_only,
            create=not read_only,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
            temporary_path_class=SealedPath,
        )
        handlers = {
            "params": ocp.StandardCheckpointHandler(),
            "rest": ocp.StandardCheckpointHandler(),
            "meta": ocp.JsonCheckpointHandler(),
        }
        self._manager = ocp.CheckpointManager(self._name, options=options, item_handlers=handlers)

    def save(
        self, state: TrainState, meta: Mapping[str, Any], validation_top1: float | None
    ) -> None:
        """Starts writing and returns once the state is copied.

        Verifies the previous checkpoint first.

        Args:
          state: training state to save.
          meta: JSON-serialisable data about the run: config and classes.
          validation_top1: 0 to 1; None if this state was not validated and cannot be the best.

        Raises:
          UserError: the disk has no room for it, or the previous checkpoint cannot be read.
        """
        items = ocp.args.Composite(
            params=ocp.args.StandardSave(state.weights),
            rest=ocp.args.StandardSave({"step": state.step, "opt_state": state.opt_state}),
            meta=ocp.args.JsonSave(dict(meta)),
        )
        self.wait()
        check_space(state, self._name, self.directory)
        metrics = None if validation_top1 is None else {BEST_METRIC: validation_top1}
        self._manager.save(
            int(state.step), args=items, metrics=metrics, custom_metadata=seals.MARK, force=True
        )
        self._unchecked = int(state.step)

    def find(self, which: str) -> int | None:
        """The step of the checkpoint called "last", "best" or by its number; None if there are none at all.

        Raises:
          UserError: for a step that was not kept, with the list of those that were.
        """
        steps = sorted(self._manager.all_steps())
        if not steps:
            return None
        if which == "last":
            return steps[-1]
        if which == "best":
            # With damaged metrics, another checkpoint would seem to be the best.
            health = checkpoint_health.examine(self.directory, steps, only="metrics/")
            for step in steps:
                checkpoint_health.refuse(health, step)
            scored = [step for step in steps if self._metrics(step)]
            # Of equals the later one: it has trained longer.
            return max(scored or steps, key=lambda step: (self.validation_top1(step), step))
        if which.isdecimal() and int(which) in steps:
            return int(which)
        raise UserError(
            f"{self.directory} has no checkpoint {which!r}; it has best, last and {steps}"
        )

    def validation_top1(self, step: int) -> float:
        """The validation accuracy, in 0..1, that was saved with a checkpoint; -1 if there was none."""
        return _score(self._metrics(step) or {BEST_METRIC: -1.0})

    def meta(self, step: int, needed: Sequence[str] = ()) -> dict[str, Any]:
        """Returns what was saved about the run with a checkpoint.

        Args:
          step: step of the checkpoint.
          needed: entries that must be there, such as "config".

        Raises:
          UserError: the checkpoint is damaged, or an entry is missing or of another type.
        """
        self._verify(step)
        with telling_of_damage(self.directory / str(step)):
            meta = self._manager.restore(
                step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
            ).meta
        return check_meta(meta, self.name_of(step), needed)

    def name_of(self, step: int) -> str:
        """Returns what messages call a checkpoint."""
        return f"checkpoint {self.directory / str(step)}"

    def restore(self, step: int, template: TrainState) -> TrainState:
        """The whole state, with the shapes and shardings of `template`."""
        rest = {"step": template.step, "opt_state": template.opt_state}
        restored = self._restore(step, params=template.weights, rest=rest)
        params = {name: restored.params[name] for name in template.params}
        model_state = {name: restored.params[name] for name in template.model_state}
        return TrainState(restored.rest["step"], params, restored.rest["opt_state"], model_state)

    def restore_params(self, step: int, template: Params) -> Params:
        """The parameters, and the running statistics of a network that has any: what it is evaluated with."""
        return self._restore(step, params=template).params

    def wait(self) -> None:
        """Waits until everything is on the disk, and verifies the index.

        Raises:
          UserError: the checkpoint cannot be read.
        """
        self._manager.wait_until_finished()
        step, self._unchecked = self._unchecked, None
        if step is not None:
            check_index(lambda: self._index(step), self.directory / str(step))

    def close(self) -> None:
        """Waits, and lets the manager go."""
        with self._stack:
            self._manager.close()

    def _metrics(self, step: int) -> Any:
        with telling_of_damage(self.directory / str(step)):
            path = self.directory / str(step) / "metrics" / "metrics"
            return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _verify(self, step: int) -> None:
        if step not in self._sound:
            health = checkpoint_health.examine(self.directory, [step])
            checkpoint_health.refuse(health, step)
            self._sound.add(step)

    def _index(self, step: int) -> Any:
        """The shapes of the arrays of a checkpoint; ValueError if there are none, which orbax lets pass."""
        stored = self._manager.item_metadata(step)
        for name in ("params", "rest"):
            if not jax.tree.leaves(stored[name]):
                raise ValueError(f"{name} has no list of its arrays")
        return stored

    def _restore(self, step: int, **templates: Any) -> Any:
        self._verify(step)
        with telling_of_damage(self.directory / str(step)):
            stored = self._index(step)
            differences = [
                _shape_difference(stored[name], template) for name, template in templates.items()
            ]
        for difference in differences:
            if difference:
                raise UserError(
                    f"{self.name_of(step)} does not fit the model of this config: {difference}; "
                    "use the config that it was trained with"
                )
        abstract = {
            name: ocp.args.StandardRestore(jax.tree.map(ocp.utils.to_shape_dtype_struct, template))
            for name, template in templates.items()
        }
        with telling_of_damage(self.directory / str(step)):
            return self._manager.restore(step, args=ocp.args.Composite(**abstract))


def _shape_difference(stored: Any, template: Any) -> str:
    """The first few arrays whose shapes differ between a stored tree and a template; "" if none do."""
    shapes = [
        {
            ocp.utils.tuple_path_from_keypath(path): tuple(leaf.shape)
            for path, leaf in jax.tree.leaves_with_path(tree)
        }
        for tree in (stored, template)
    ]
    lines = [
        f"{'.'.join(path)} is {shapes[0].get(path, 'absent')} there and {shapes[1].get(path, 'absent')} here"
        for path in sorted(shapes[0] | shapes[1])
        if shapes[0].get(path) != shapes[1].get(path)
    ]
    return ", ".join(lines[:3]) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")


def _score(metrics: Mapping[str, float]) -> float:
    return float(metrics[BEST_METRIC])
