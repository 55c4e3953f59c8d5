"""The device mesh: batches are split over its one axis; parameters are on every device, or split over it, too."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from albar_jax.errors import UserError

DATA_AXIS = "data"
# "data": every device has the whole state. "fsdp": each has a part of it, and the parameters are gathered for a step.
Layout = Literal["data", "fsdp"]
SMALL = 4096  # numbers of an array that is not worth splitting


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh with all devices, of all processes, on the data axis: those of a process side by side."""
    # JAX orders them by their place in the machine. Here, clips that one process reads stay together in a batch.
    devices = sorted(
        jax.devices() if devices is None else devices, key=lambda one: (one.process_index, one.id)
    )
    return Mesh(np.asarray(devices), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split_batch(mesh: Mesh) -> NamedSharding:
    """The first axis split over all devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def on_each_device(function: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
    """A function of (whole, batch, key) that each device computes of its own clips, with results that are all alike.

    What it has to know of other devices it asks by `albar_jax.parallel.global_batch`.
    """
    if mesh.size == 1:
        return function
    whole, split = PartitionSpec(), PartitionSpec(DATA_AXIS)
    # Unchecked, JAX differentiates what a device alone has, and leaves it to the function to sum its gradients: once.
    return jax.shard_map(
        function, mesh=mesh, in_specs=(whole, split, whole), out_specs=whole, check_vma=False
    )


def state_sharding(state: Any, mesh: Mesh, layout: Layout) -> Any:
    """Where each array of a tree lies: whole on every device, or, under "fsdp", split over all of them.

    An array is split along the longest of its axes that the number of devices divides; one that has no such axis, and
    a small one, is whole on every device.
    """

    def place(array: jax.Array | jax.ShapeDtypeStruct) -> NamedSharding:
        axes = [axis for axis, length in enumerate(array.shape) if length % mesh.size == 0]
        if layout == "data" or not axes or array.size < SMALL:
            return replicated(mesh)
        axis = max(axes, key=lambda axis: array.shape[axis])
        return NamedSharding(mesh, PartitionSpec(*[None] * axis, DATA_AXIS))

    return jax.tree.map(place, state)


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
