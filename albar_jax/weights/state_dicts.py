"""Converts state dicts of any network by its name table, all weights or none.

`torch_params` does the same for the networks of `models`, whose shapes follow from their configs.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from albar_jax.types import Params
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.name_rules import NameTable
from albar_jax.weights.torch_contents import StateDict
from albar_jax.weights.torch_params import refuse_mismatch
from albar_jax.weights.trees import flatten, unflatten


def from_state_dict(
    state: Mapping[str, np.ndarray], table: NameTable, template: Params, source: str | Path
) -> Params:
    """Returns the weights of a state dict as a tree of float32 arrays.

    Args:
      state: arrays by PyTorch name, without name prefixes.
      table: names and memory layouts of the network.
      template: our tree of the network's weights; only the shapes of its leaves are read.
      source: name of the file for errors.

    Raises:
      UserError: names are missing, unused or mis-shaped, or numbers are not finite.
    """
    flat_shapes = {path: leaf.shape for path, leaf in flatten(template).items()}
    names = {path: table.torch_name(path) for path in flat_shapes}
    wanted = {}
    for path, shape in flat_shapes.items():
        wanted[names[path]] = table.torch_shape(path, shape, None)

    # All weights of the file must fit before any is converted.
    weights = {name: value for name, value in state.items() if not table.ignored.search(name)}
    refuse_mismatch({name: value.shape for name, value in weights.items()}, wanted, source)
    refuse_unusable(weights, source)

    flat = {}
    for path, name in names.items():
        # `ascontiguousarray` would give a scalar an axis.
        flat[path] = np.array(table.from_torch(path, weights[name]), np.float32, order="C")
    return unflatten(flat)


def to_state_dict(params: Params, table: NameTable) -> StateDict:
    """Returns a tree of weights as float32 arrays by PyTorch name; inverts `from_state_dict`.

    Names that the table ignores, such as counters of batches, are not included.
    """
    state = {}
    for path, value in flatten(params).items():
        # A copy, because torch requires writable memory.
        values = table.to_torch(path, np.asarray(value), None)
        state[table.torch_name(path)] = np.array(values, np.float32, order="C")

    return state
