"""From the loader's numpy arrays to batches on the devices, one ahead of the step that uses them."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import jax
import numpy as np
from jax.sharding import Mesh

from albar_jax.parallel.mesh import split_batch
from albar_jax.types import Batch


def to_batch(arrays: Mapping[str, np.ndarray], num_classes: int, mesh: Mesh) -> Batch:
    """One global batch, from this process's part of it, split over the mesh."""
    kept = {
        field.name: arrays[field.name]
        for field in dataclasses.fields(Batch)
        if field.name in arrays
    }
    batch = Batch(target=np.eye(num_classes, dtype=np.float32)[arrays["label"]], **kept)
    sharding = split_batch(mesh)
    return jax.tree.map(
        lambda array: jax.make_array_from_process_local_data(sharding, array), batch
    )


def device_batches(
    loader: Iterable[Mapping[str, np.ndarray]], num_classes: int, mesh: Mesh
) -> Iterator[Batch]:
    """The loader's batches on the devices; the copy of the next one overlaps with the step on this one."""
    ahead = None
    for arrays in loader:
        batch = to_batch(arrays, num_classes, mesh)
        if ahead is not None:
            yield ahead
        ahead = batch
    if ahead is not None:
        yield ahead
