"""The device mesh: batches are split over its one axis, parameters are on every device."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from albar_jax.errors import UserError

DATA_AXIS = "data"


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh with all devices, of all processes, on the data axis."""
    devices = np.asarray(jax.devices() if devices is None else devices)
    return Mesh(devices, (DATA_AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split_batch(mesh: Mesh) -> NamedSharding:
    """The first axis split over all devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def check_divisible(batch_size: int, mesh: Mesh, name: str, parts: int = 1) -> None:
    """Checks that every device gets as many clips, of each of the `parts` that a batch is computed in.

    Raises:
      UserError: if `batch_size` is not a multiple of the number of devices and parts.
    """
    n = mesh.size * parts
    if batch_size < 1 or batch_size % n:
        shared = f"{mesh.size} devices" + (f" with {parts} parts each" if parts > 1 else "")
        raise UserError(
            f"{name} is {batch_size}, which is not divisible by {shared}; try {max(1, batch_size // n) * n}"
        )
