"""Converts between PyTorch state dicts and our parameters, bit for bit, all weights or none."""

from pathlib import Path

import jax
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models import NetworkConfig, ResNetConfig, VideoSwinConfig, create, windows
from albar_jax.types import Params
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.name_rules import NameTable
from albar_jax.weights.name_tables import COUNTER, POSITION_INDEX, RESNET, TORCHVISION
from albar_jax.weights.torch_contents import StateDict
from albar_jax.weights.trees import flatten, unflatten

# The number of names that a message gives of each kind of mismatch.
_LISTED = 8


def params_of(
    state: StateDict, table: NameTable, config: NetworkConfig, source: str | Path
) -> Params:
    """Converts a state dict to our parameter tree in float32.

    Args:
      state: state dict without name prefixes.
      table: name table of the state dict.
      config: architecture and number of classes.
      source: name of the file for errors.

    Raises:
      UserError: names are missing, unused or mis-shaped, or numbers are not finite.
    """
    shapes = {path: leaf.shape for path, leaf in flatten(param_shapes(config)).items()}
    names = {path: table.torch_name(path) for path in shapes}
    wanted = {names[path]: table.torch_shape(path, shape, config) for path, shape in shapes.items()}
    # All weights of the file must fit before any is converted.
    available = {name: value.shape for name, value in state.items()}
    weights = {name: shape for name, shape in available.items() if not table.ignored.search(name)}
    refuse_mismatch(weights, wanted, source)
    refuse_unusable({name: value for name, value in state.items() if name in wanted}, source)

    flat = {}
    for path, name in names.items():
        flat[path] = np.ascontiguousarray(table.from_torch(path, state[name]))
    return unflatten(flat)


def state_dict_of(params: Params, config: NetworkConfig) -> StateDict:
    """Converts our parameters to a state dict that torchvision's network loads strictly.

    Args:
      params: our parameter tree.
      config: architecture and number of classes.

    Returns:
      float32 weights and int64 buffers: position index tables, and counters of batches, which are 0
      because this library does not count batches.
    """
    table = RESNET if isinstance(config, ResNetConfig) else TORCHVISION
    state = {}
    for path, value in flatten(params).items():
        name = table.torch_name(path)
        module = name.rpartition(".")[0]
        # A copy, because torch requires writable memory.
        state[name] = np.array(
            table.to_torch(path, np.asarray(value), config), np.float32, order="C"
        )
        if path.endswith("/mean"):
            state[f"{module}.{COUNTER}"] = np.zeros((), np.int64)
        if isinstance(config, VideoSwinConfig) and path.endswith("/position_bias"):
            index = windows.relative_index(config.window_size, config.window_size)
            state[f"{module}.{POSITION_INDEX}"] = index.astype(np.int64)

    return state


def param_shapes(config: NetworkConfig) -> Params:
    """Returns the parameter tree of a network with shapes for leaves."""
    return jax.eval_shape(lambda key: create(config, key)[1], jax.random.key(0))


def refuse_mismatch(
    available: dict[str, tuple], wanted: dict[str, tuple], source: str | Path
) -> None:
    """Raises UserError unless two dicts of names and shapes agree.

    The message has the first names of each kind of mismatch.

    Args:
      available: shapes of the weights of a file.
      wanted: shapes of the weights of the network.
      source: name of the file for the error.
    """
    misshaped = []
    for name in sorted(available.keys() & wanted.keys()):
        if available[name] != wanted[name]:
            misshaped.append(f"{name} {available[name]} for {wanted[name]}")

    kinds = {
        "missing": sorted(wanted.keys() - available.keys()),
        "unused": sorted(available.keys() - wanted.keys()),
        "mis-shaped": misshaped,
    }
    differences = [_listed(kind, names) for kind, names in kinds.items() if names]
    if differences:
        raise UserError(
            f"{source} does not fit the model, is it of another kind? {'; '.join(differences)}"
        )


def _listed(kind: str, names: list[str]) -> str:
    more = ", ..." if len(names) > _LISTED else ""
    return f"{len(names)} {kind} ({', '.join(names[:_LISTED])}{more})"
