"""Loads weights into a video network of torchvision: published ones, files, random numbers."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from albar_jax.audit.models.torch_network import to_tensors
from albar_jax.errors import UserError
from albar_jax.weights import torch_hub
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.torch_files import read_state_dict
from albar_jax.weights.torch_params import refuse_mismatch

# Makes a network with random weights for a number of classes.
Make = Callable[[int], torch.nn.Module]
# The counter of batch normalization. It has no effect on answers, and older files lack it.
_COUNTER = "num_batches_tracked"


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network with its weights.

    Attributes:
      module: the network.
      classes: names of its outputs; None if they are unknown.
    """

    module: torch.nn.Module
    classes: tuple[str, ...] | None


def load_random(make: Make, classes: Sequence[str], seed: int) -> Weights:
    """Returns a network with random weights.

    Args:
      make: makes the network.
      classes: names of its classes.
      seed: random seed.
    """
    # Restores the random state of the rest of the program.
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return Weights(make(len(classes)), tuple(classes))


def load_published(make: Make, member: Any, classes: Sequence[str] | None) -> Weights:
    """Returns a network with published weights, downloaded if necessary.

    Args:
      make: makes the network.
      member: member of torchvision's enumeration of weights.
      classes: other names for its classes; None for torchvision's own.

    Raises:
      UserError: the download fails, or the number of names is wrong.
    """
    path = torch_hub.hub_file(member.url)
    return _load(make, str(path), classes or tuple(member.meta["categories"]))


def load_file(make: Make, path: str, published: Any, classes: Sequence[str] | None) -> Weights:
    """Returns a network with the weights of a file; see `weights.torch_files`.

    Args:
      make: makes the network.
      path: weight file.
      published: torchvision's enumeration of weights. If the file has the name of published
        weights, it has their classes.
      classes: names of the classes; None if they are unknown.

    Raises:
      UserError: the file cannot be read or does not fit.
    """
    for member in published:
        if member.url.endswith(f"/{Path(path).name}"):
            classes = classes or tuple(member.meta["categories"])
    return _load(make, path, classes)


def _load(make: Make, path: str, classes: Sequence[str] | None) -> Weights:
    state = read_state_dict(path)
    num_classes = _num_classes(make, state, path)
    if classes is not None and len(classes) != num_classes:
        raise UserError(
            f"{path} has {num_classes} outputs, but {len(classes)} classes are named; name them all"
        )

    module = make(num_classes)
    own = module.state_dict()
    wanted = {name: tuple(value.shape) for name, value in own.items() if _is_compared(name)}
    available = {name: value.shape for name, value in state.items() if _is_compared(name)}
    refuse_mismatch(available, wanted, path)
    floats = {name for name, value in own.items() if value.is_floating_point()}
    refuse_unusable({name: value for name, value in state.items() if name in floats}, path)

    module.load_state_dict(to_tensors(state))
    return Weights(module, None if classes is None else tuple(classes))


def _is_compared(name: str) -> bool:
    return not name.endswith(_COUNTER)


def _num_classes(make: Make, state: dict[str, np.ndarray], path: str) -> int:
    """Returns the number of outputs of weights: the length of the last bias of the network."""
    # On this device a network takes no memory.
    with torch.device("meta"):
        last = list(make(1).state_dict())[-1]
    if last not in state or state[last].ndim != 1 or not state[last].size:
        raise UserError(
            f"{path} has no weights {last}, but {', '.join(list(state)[:4])}, ...; name the "
            "network that it belongs to"
        )
    return len(state[last])
