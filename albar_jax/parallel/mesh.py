"""Defines the device mesh and the shardings of batches and training states."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from albar_jax.errors import UserError

DATA_AXIS = "data"
# "data": the state is replicated. "fsdp": the state is sharded, and the parameters are all-gathered
# for each step.
StateLayout = Literal["data", "fsdp"]
Devices = Sequence[jax.Device]
# Arrays with fewer elements are not worth sharding.
SMALL = 4096


def data_mesh(devices: Devices | None = None) -> Mesh:
    """Returns a mesh with one data axis.

    Args:
      devices: devices to use; all devices of all processes if None.
    """
    devices = jax.devices() if devices is None else devices
    # JAX orders devices by their place in the machine. Sorting by process keeps the clips that one
    # process reads next to each other in a batch.
    ordered = sorted(devices, key=lambda device: (device.process_index, device.id))

    return Mesh(np.asarray(ordered), (DATA_AXIS,), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of an array that is whole on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split_batch(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of an array whose first axis is split over all devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def on_each_device(function: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
    """Wraps a function of (state, batch, key) in `shard_map`.

    Each device calls it with the whole state and its local clips. The function exchanges data with
    other devices by `albar_jax.parallel.global_batch`.

    Args:
      function: must return the same results on every device.
      mesh: devices over which the batch is split.
    """
    # On one device the local clips are the whole batch.
    if mesh.size == 1:
        return function

    whole = PartitionSpec()
    split = PartitionSpec(DATA_AXIS)
    # With the check, JAX would sum the gradients of each use of a parameter. Without it, JAX
    # differentiates the local loss, and the function sums the gradients once.
    return jax.shard_map(
        function, mesh=mesh, in_specs=(whole, split, whole), out_specs=whole, check_vma=False
    )


def state_sharding(state: Any, mesh: Mesh, layout: StateLayout) -> Any:
    """Returns the sharding of each array of a state.

    Under "fsdp" an array is split along its longest axis that the number of devices divides. Arrays
    without such an axis and arrays of fewer than `SMALL` elements are replicated.

    Args:
      state: tree of arrays or of `jax.ShapeDtypeStruct`.
      mesh: devices.
      layout: "data" replicates all arrays, "fsdp" shards them.

    Returns:
      Tree of `NamedSharding` with the structure of `state`.
    """

    def shard(array: jax.Array | jax.ShapeDtypeStruct) -> NamedSharding:
        divisible = [axis for axis, length in enumerate(array.shape) if length % mesh.size == 0]
        if layout == "data" or not divisible or array.size < SMALL:
            return replicated(mesh)

        longest = max(divisible, key=lambda axis: array.shape[axis])
        return NamedSharding(mesh, PartitionSpec(*[None] * longest, DATA_AXIS))

    return jax.tree.map(shard, state)


def check_divisible(batch_size: int, mesh: Mesh, name: str, grad_accum_steps: int = 1) -> None:
    """Checks that all devices and microbatches get the same number of clips.

    Args:
      batch_size: clips of the global batch.
      mesh: devices over which the batch is split.
      name: name of the config field, for the message.
      grad_accum_steps: number of microbatches of a batch.

    Raises:
      UserError: `batch_size` is not a multiple of the number of devices times `grad_accum_steps`.
    """
    multiple = mesh.size * grad_accum_steps
    if batch_size >= 1 and batch_size % multiple == 0:
        return

    divisor = f"{mesh.size} devices"
    if grad_accum_steps > 1:
        divisor += f" with {grad_accum_steps} microbatches each"
    nearest = max(1, batch_size // multiple) * multiple
    raise UserError(f"{name} is {batch_size}, which is not divisible by {divisor}; try {nearest}")
