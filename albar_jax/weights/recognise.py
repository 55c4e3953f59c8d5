"""Recognizes the network of a state dict: its code base, its kind and its size."""

import dataclasses
import itertools
from pathlib import Path

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, NetworkConfig, ResNetConfig, VideoSwinConfig
from albar_jax.weights.name_rules import NameTable
from albar_jax.weights.name_tables import RESNET, SWIN_TABLES, TABLES
from albar_jax.weights.torch_contents import StateDict

_CONFIGS = {config.kind: config for config in (VideoSwinConfig, ResNetConfig)}


def table_of(state: StateDict, source: str | Path) -> NameTable:
    """Returns the name table of a state dict.

    Checks the number of dimensions of the first and last kernel, which determine the size.

    Args:
      state: state dict without name prefixes.
      source: name of the file for errors.

    Raises:
      UserError: the state dict is not a Swin or ResNet classifier.
    """
    is_resnet = RESNET.block_name(0, 0) in state
    table = RESNET if is_resnet else _swin_table_of(state)
    if table is None:
        names = ", ".join(table.name for table in TABLES)
        raise UserError(
            f"{source} holds no Swin or ResNet: it has no block named as in {names}; "
            "give a file of one of these networks"
        )
    _check_dims(state, table, table.first_name, table.first_dims, source)
    _check_dims(state, table, table.head_name, (2,), source)
    return table


def _swin_table_of(state: StateDict) -> NameTable | None:
    """Returns the table that shares most landmarks with a state dict; of a tie, the first."""
    best = None
    most_shared = 0
    for table in SWIN_TABLES.values():
        shared = sum(name in state for name in table.landmarks)
        if table.block_name(0, 0) in state and shared > most_shared:
            best = table
            most_shared = shared
    return best


def _check_dims(
    state: StateDict, table: NameTable, name: str, dims: tuple[int, ...], source: str | Path
) -> None:
    if name not in state:
        raise UserError(
            f"{source} is not a {table.kind} classifier: it has blocks, but no {name}; "
            "is it a detector, or a part of a network?"
        )
    if state[name].ndim not in dims:
        wanted = " or ".join(map(str, dims))
        raise UserError(
            f"{source} is not a {table.kind}: {name} has the shape {state[name].shape}, "
            f"not {wanted} dimensions"
        )


def size_of(state: StateDict, table: NameTable) -> dict[str, object]:
    """Returns the config fields that a state dict determines.

    Returns:
      `embed_dim` and `depths` of a Swin; `stem_width`, `depths` and `bottleneck` of a ResNet.
    """

    # The depth of a stage is the index of the first block that is missing.
    def depth(stage: int) -> int:
        indices = itertools.count()
        return next(j for j in indices if table.block_name(stage, j) not in state)

    # The first stage of depth 0 does not exist.
    depths = tuple(itertools.takewhile(bool, map(depth, itertools.count())))
    width = state[table.first_name].shape[0]
    if table is RESNET:
        # Only bottlenecks have a third convolution.
        third_conv = RESNET.torch_name("stages/0/0/convs/2/kernel")
        return {"stem_width": width, "depths": depths, "bottleneck": third_conv in state}
    return {"embed_dim": width, "depths": depths}


def config_of(
    state: StateDict, table: NameTable, wanted: NetworkConfig | None, source: str | Path
) -> NetworkConfig:
    """Returns the config of a state dict, with the number of classes of its head.

    Args:
      state: state dict without name prefixes.
      table: name table of the state dict.
      wanted: config that the state dict has to fit; None selects the preset of its size.
      source: name of the file for errors.

    Raises:
      UserError: the state dict has another size or is of another kind.
    """
    kind = _CONFIGS[table.kind]
    presets = {name: preset for name, preset in PRESETS.items() if isinstance(preset, kind)}
    size = size_of(state, table)
    fitting = [name for name, preset in presets.items() if _has_size(preset, size)]

    sizes = " and ".join(f"{name} {value}" for name, value in size.items())
    holds = f"{source} holds a {table.kind} of {sizes}"
    hint = f"; it fits the preset {fitting[0]!r}" if fitting else "; choose other weights"
    if wanted is not None and not isinstance(wanted, kind):
        raise UserError(f"{holds}, but the config says another kind of network{hint}")
    if wanted is None and not fitting:
        raise UserError(f"{holds}, which is none of {', '.join(presets)}")

    config = wanted or presets[fitting[0]]
    if not _has_size(config, size):
        ours = " and ".join(str(getattr(config, name)) for name in size)
        raise UserError(f"{holds}, but the config says {ours}{hint}")
    return dataclasses.replace(config, num_classes=state[table.head_name].shape[0])


def _has_size(config: NetworkConfig, size: dict[str, object]) -> bool:
    return all(getattr(config, name) == value for name, value in size.items())
