"""Copies the loader's numpy arrays to the devices, one batch ahead of the step that uses it."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import jax
import numpy as np
from jax.sharding import Mesh

from albar_jax.parallel.mesh import split_batch
from albar_jax.types import Batch


def to_batch(arrays: Mapping[str, np.ndarray], num_classes: int, mesh: Mesh) -> Batch:
    """Returns a global batch that is split over the mesh.

    Args:
      arrays: this process's clips: the fields of `Batch` by name, except `target`, and `label`,
        int (b,). Other entries are ignored.
      num_classes: length of the one-hot targets.
      mesh: devices of all processes.
    """
    # Targets are soft in all methods, so labels become one-hot rows.
    labels = arrays["label"]
    target = np.zeros((len(labels), num_classes), np.float32)
    target[np.arange(len(labels)), labels] = 1
    fields = {"target": target}
    for field in dataclasses.fields(Batch):
        if field.name in arrays:
            fields[field.name] = arrays[field.name]

    sharding = split_batch(mesh)
    on_devices = jax.tree.map(
        lambda array: jax.make_array_from_process_local_data(sharding, array), fields
    )
    return Batch(**on_devices)


def device_batches(
    loader: Iterable[Mapping[str, np.ndarray]], num_classes: int, mesh: Mesh
) -> Iterator[Batch]:
    """Yields the loader's batches on the devices.

    The copy of the next batch overlaps with the step on the current one.
    """
    pending = None
    for arrays in loader:
        batch = to_batch(arrays, num_classes, mesh)
        # The copy of `batch` has started; meanwhile, the caller uses the previous one.
        if pending is not None:
            yield pending
        pending = batch

    if pending is not None:
        yield pending
