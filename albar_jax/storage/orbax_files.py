"""Reads and writes arrays with orbax. No other file of the program imports orbax.

This file uses orbax's V0 API, which every release before 1.0 has. The V1 API replaces it; 0.12 has
it as `orbax.checkpoint.experimental.v1`. V1 reads checkpoints that V0 has written. The V1 calls,
with `ocp` for its module:

  V0, used here                              V1
  ---------------------------------------    -----------------------------------------------------
  CheckpointManager(folder, options, ...)    ocp.training.Checkpointer(folder, ...)
  CheckpointManagerOptions:
    preservation_policy                      preservation_policy, with the policies of
                                               ocp.training.preservation_policies
    best_fn                                  none: BestN has its own get_metric_fn
    lightweight_initialize                   lightweight_initialize
    cleanup_tmp_directories                  cleanup_tmp_directories
    create, read_only                        none: create the folder first; call no save
    temporary_path_class                     none, see below
  item_handlers                              none: V1 chooses the handler by the type of an item
  manager.all_steps()                        [c.step for c in checkpointer.checkpoints]
  manager.save(step, args=Composite(...),    checkpointer.save_checkpointables_async(step, {...},
    metrics=, custom_metadata=, force=)        metrics=, custom_metadata=, force=)
  manager.restore(step, args=Composite())    checkpointer.load_checkpointables(step, {...})
  manager.item_metadata(step)                checkpointer.checkpointables_metadata(step).metadata
  manager.wait_until_finished()              checkpointer.wait()
  manager.close()                            checkpointer.close()
  Checkpointer(StandardCheckpointHandler())
    .save(folder / name, ...)                ocp.save(folder, tree, checkpointable_name=name)
    .restore(folder / name, ...)             ocp.load(folder / name, template,
                                               checkpointable_name=None)
  PyTreeCheckpointer().restore(path, ...)    ocp.load(path, template, checkpointable_name=None)
  utils.to_shape_dtype_struct                jax.ShapeDtypeStruct, with its sharding

Two things need work at the move:
- V1 has no `temporary_path_class`, and `AsyncOptions.post_finalization_callback` runs only after
  the checkpoint has its name. So `SealedPath` needs such an option of V1, or a checkpoint without
  checksums must count as unfinished.
- `ocp.save` creates the folder itself, so `weights.converted` must write its other files later.
"""

import asyncio
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN
from orbax.checkpoint.path import atomicity

from albar_jax.storage import array_index, seals
from albar_jax.storage.orbax_errors import print_no_background_errors
from albar_jax.storage.temporary import sync

# Part of the names that orbax gives to unfinished folders.
_TEMPORARY = ".orbax-checkpoint-tmp"
# Name of the JSON item of a checkpoint.
_META = "meta"


class CheckpointSeries:
    """A folder of checkpoints, named by their steps and written asynchronously.

    A checkpoint consists of trees of arrays, of JSON metadata under "meta", and of metrics. It gets
    its name only when it is complete and has checksums. Collective: all processes must call each
    method.

    Args:
      folder: existing folder of the checkpoints. Its name must be safe in patterns and URLs; see
        `files.plainly_named`.
      items: names of the trees of arrays.
      score: returns the number by which the metrics of checkpoints are ranked, higher is better.
      num_newest: number of newest checkpoints that are kept, together with the best.
      read_only: whether to write, delete and clean up nothing.
    """

    def __init__(
        self,
        folder: Path,
        items: Sequence[str],
        *,
        score: Callable[[Mapping[str, float]], float],
        num_newest: int,
        read_only: bool,
    ):
        print_no_background_errors()

        best = BestN(get_metric_fn=score, n=1, keep_checkpoints_without_metrics=False)
        newest_and_best = AnyPreservationPolicy([LatestN(num_newest), best])
        options = ocp.CheckpointManagerOptions(
            preservation_policy=None if read_only else newest_and_best,
            best_fn=None if read_only else score,
            # Reads the metrics of all checkpoints only if it has to rank them.
            lightweight_initialize=read_only,
            create=not read_only,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
            temporary_path_class=SealedPath,
        )

        handlers: dict[str, Any] = {name: ocp.StandardCheckpointHandler() for name in items}
        handlers[_META] = ocp.JsonCheckpointHandler()
        self._folder = folder
        self._items = tuple(items)
        self._manager = ocp.CheckpointManager(folder, options=options, item_handlers=handlers)

    def steps(self) -> list[int]:
        """Returns the steps of all finished checkpoints, ascending."""
        return sorted(self._manager.all_steps())

    def save(
        self,
        step: int,
        trees: Mapping[str, Any],
        meta: Mapping[str, Any],
        metrics: Mapping[str, float] | None,
    ) -> None:
        """Starts writing a checkpoint; returns once the arrays are copied.

        Args:
          step: step of the checkpoint.
          trees: item -> tree of arrays.
          meta: JSON-serializable metadata.
          metrics: name -> number; None if the checkpoint cannot be the best.
        """
        # Orbax writes each item to a folder of this name.
        items: dict[str, Any] = {name: ocp.args.StandardSave(tree) for name, tree in trees.items()}
        items[_META] = ocp.args.JsonSave(dict(meta))

        self._manager.save(
            step,
            args=ocp.args.Composite(**items),
            metrics=None if metrics is None else dict(metrics),
            custom_metadata=seals.MARK,
            force=True,
        )

    def wait(self) -> None:
        """Waits until everything is on the disk."""
        self._manager.wait_until_finished()

    def check_index(self, step: int) -> None:
        """Checks that the index of a checkpoint has all of its arrays.

        Raises:
          OSError, KeyError: the index cannot be read.
          ValueError: the index is damaged or lacks an array.
        """
        for name in self._items:
            missing = array_index.missing_arrays(self._folder / str(step) / name)
            if missing:
                raise ValueError(f"{name} lacks {len(missing)} arrays, such as {missing[0]}")

    def stored_shapes(self, step: int) -> Any:
        """Returns the shapes of the arrays of a checkpoint, by item.

        Raises:
          ValueError: an item has no arrays; orbax itself accepts this.
        """
        stored = self._manager.item_metadata(step)
        # Orbax returns an empty tree for a lost index.
        for name in self._items:
            if not jax.tree.leaves(stored[name]):
                raise ValueError(f"{name} has no list of its arrays")

        return stored

    def load_meta(self, step: int) -> Any:
        """Returns the JSON metadata of a checkpoint."""
        arguments = ocp.args.Composite(**{_META: ocp.args.JsonRestore()})

        return self._manager.restore(step, args=arguments)[_META]

    def load(self, step: int, templates: Mapping[str, Any]) -> Any:
        """Returns trees of arrays of a checkpoint, by item.

        Args:
          step: step of the checkpoint.
          templates: item -> tree with the shapes, dtypes and shardings of the result.
        """
        arguments = {}
        for name, template in templates.items():
            abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
            arguments[name] = ocp.args.StandardRestore(abstract)

        return self._manager.restore(step, args=ocp.args.Composite(**arguments))

    def close(self) -> None:
        """Waits, and releases the threads of the series."""
        self._manager.close()


class SealedPath(atomicity.AtomicRenameTemporaryPath):
    """A temporary folder that gets checksums and is synced to the disk before it is renamed.

    Orbax finalizes it in a thread of process 0 after all processes have written their arrays.
    """

    async def finalize(self) -> None:
        """Completes the folder, adds checksums and renames it."""
        final = self._final_path
        # A folder inside a checkpoint is covered by the checksums of the checkpoint.
        if _TEMPORARY in final.parent.name:
            await super().finalize()
            return

        # Orbax completes the metadata and renames the folder in one call. So let it rename the
        # folder to another temporary name.
        unsealed = final.with_name(f"{final.name}{_TEMPORARY}-unsealed")
        self._final_path = unsealed

        try:
            await super().finalize()
        finally:
            self._final_path = final

        await asyncio.to_thread(_seal, os.fspath(unsealed), os.fspath(final))


def _seal(unsealed: str, final: str) -> None:
    seals.seal(unsealed)
    os.rename(unsealed, final)
    sync(os.path.dirname(final))


def save_tree(path: Path, tree: Any) -> None:
    """Writes a tree of arrays to a new folder and waits until it is written."""
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        # Orbax stores the devices of device arrays and requires them again, so save from the host.
        arguments = ocp.args.StandardSave(jax.device_get(tree))
        checkpointer.save(path, args=arguments, custom_metadata=seals.MARK)


def load_tree(path: Path, template: Any) -> Any:
    """Reads a tree of arrays from a folder that `save_tree` has written.

    Args:
      path: folder of the arrays.
      template: tree with the shapes, dtypes and shardings of the result.
    """
    print_no_background_errors()
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        return checkpointer.restore(path, args=ocp.args.StandardRestore(template))


def load_as_numpy(path: Path) -> Any:
    """Reads a tree of arrays as it is stored, as numpy arrays, whatever devices wrote it."""
    with warnings.catch_warnings(), ocp.PyTreeCheckpointer() as checkpointer:
        # Orbax warns that the devices may differ, which does not matter for numpy arrays.
        warnings.simplefilter("ignore")

        stored = checkpointer.metadata(path).item_metadata.tree
        to_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), stored)

        return checkpointer.restore(path, restore_args=to_numpy)


def shapes_by_path(tree: Any) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Returns path -> shape of all arrays of a tree, or of a tree from `stored_shapes`."""
    shapes = {}
    for keys, leaf in jax.tree.leaves_with_path(tree):
        shapes[ocp.utils.tuple_path_from_keypath(keys)] = tuple(leaf.shape)

    return shapes
