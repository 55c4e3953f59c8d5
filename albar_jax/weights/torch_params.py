"""Between PyTorch state dicts and our parameters: all of them or none, to the bit, in both directions."""

import dataclasses
import itertools
from pathlib import Path

import jax
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, NetworkConfig, ResNetConfig, VideoSwinConfig, create, windows
from albar_jax.types import Params
from albar_jax.weights import torch_names, torch_resnet
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.torch_contents import StateDict
from albar_jax.weights.torch_names import LAYOUTS

LISTED = 8  # names given of each kind of mismatch


def params_of(state: StateDict, layout: str, config: NetworkConfig, source: str | Path) -> Params:
    """Converts a state dict to our parameter tree in float32.

    Raises UserError with missing, unused and mis-shaped names, or for numbers that are not finite.
    `source` is the name of the file for errors.
    """
    kind, shapes = _names_of(config), torch_names.flatten(param_shapes(config))
    names = {path: kind.torch_name(path, layout) for path in shapes}
    wanted = {
        names[path]: kind.torch_shape(path, leaf.shape, config) for path, leaf in shapes.items()
    }
    refuse_mismatch(
        {name: value.shape for name, value in state.items() if not kind.BUFFERS.search(name)},
        wanted,
        source,
    )
    refuse_unusable({name: value for name, value in state.items() if name in wanted}, source)
    flat = {path: kind.from_torch(path, state[name]) for path, name in names.items()}
    return torch_names.unflatten(
        {path: np.ascontiguousarray(value) for path, value in flat.items()}
    )


def state_dict_of(params: Params, config: NetworkConfig) -> StateDict:
    """Returns what torchvision's SwinTransformer3d or ResNet of this config loads strictly.

    All is float32 but int64 buffers: index tables, and the numbers of batches counted along, which nobody knows.
    """
    kind, state = _names_of(config), {}
    for path, value in torch_names.flatten(params).items():
        name = kind.torch_name(path, "torchvision")
        # A copy, because torch wants memory that it may write to.
        state[name] = np.array(
            kind.to_torch(path, np.asarray(value), config), np.float32, order="C"
        )
        if path.endswith("/mean"):
            state[f"{name.rpartition('.')[0]}.{torch_resnet.COUNTER}"] = np.zeros((), np.int64)
        if path.endswith("/position_bias"):
            index = windows.relative_index(config.window_size, config.window_size)
            state[f"{name.rpartition('.')[0]}.{torch_names.POSITION_INDEX}"] = index.astype(
                np.int64
            )
    return state


def layout_of(state: StateDict, source: str | Path) -> str:
    """Returns whose names a state dict uses. Raises UserError for what is no classifying Swin or ResNet.

    What tells the sizes of the model has its number of dimensions: (o, c, h, w) or (o, c, t, h, w), and (out, in).
    """

    def shared(layout: str) -> int:
        return sum(name in state for name in LAYOUTS[layout].landmarks)

    def has_blocks(layout: str) -> bool:
        return f"{LAYOUTS[layout].block(0, 0)}.norm1.weight" in state

    if f"{torch_resnet.block(0, 0)}.conv1.weight" in state:
        _check_ends(state, {torch_resnet.STEM: (4,), torch_resnet.HEAD: (2,)}, "ResNet", source)
        return torch_resnet.LAYOUT
    layout = max(filter(has_blocks, LAYOUTS), key=shared, default=None)
    if layout is None:
        raise UserError(
            f"{source} holds no Swin or ResNet: no name in it is that of a block of {', '.join(LAYOUTS)} "
            f"or {torch_resnet.LAYOUT}."
        )
    ends = {f"{LAYOUTS[layout].patch_proj}.weight": (4, 5), f"{LAYOUTS[layout].head}.weight": (2,)}
    _check_ends(state, ends, "Swin", source)
    return layout


def _check_ends(
    state: StateDict, ends: dict[str, tuple[int, ...]], kind: str, source: str | Path
) -> None:
    """Raises UserError unless the first and the last layer are there, with one of these numbers of dimensions."""
    for name, dimensions in ends.items():
        if name not in state:
            raise UserError(
                f"{source} is no {kind} classifier: it has blocks, but no {name}; is it a detector's or a part?"
            )
        if state[name].ndim not in dimensions:
            wanted = " or ".join(map(str, dimensions))
            shape = state[name].shape
            raise UserError(
                f"{source} is no {kind}: {name} has the shape {shape}, not {wanted} dimensions."
            )


def size_of(state: StateDict, layout: str) -> dict[str, object]:
    """Returns the fields of a config that tell the size of the model of a state dict: of a Swin, or of a ResNet."""
    is_resnet = layout == torch_resnet.LAYOUT

    def depth(stage: int) -> int:
        block = torch_resnet.block if is_resnet else LAYOUTS[layout].block
        first = "conv1" if is_resnet else "norm1"
        return next(
            j for j in itertools.count() if f"{block(stage, j)}.{first}.weight" not in state
        )

    depths = tuple(itertools.takewhile(bool, map(depth, itertools.count())))
    if is_resnet:
        bottleneck = f"{torch_resnet.block(0, 0)}.conv3.weight" in state
        return {
            "stem_width": state[torch_resnet.STEM].shape[0],
            "depths": depths,
            "bottleneck": bottleneck,
        }
    return {"embed_dim": state[f"{LAYOUTS[layout].patch_proj}.weight"].shape[0], "depths": depths}


def config_of(
    state: StateDict, layout: str, wanted: NetworkConfig | None, source: str | Path
) -> NetworkConfig:
    """Returns `wanted`, or if None the preset of the size of a state dict, with as many classes as its head has.

    Raises UserError if the state dict is of another size, or of another kind.
    """
    kind = ResNetConfig if layout == torch_resnet.LAYOUT else VideoSwinConfig
    presets = {name: preset for name, preset in PRESETS.items() if isinstance(preset, kind)}
    size, what = size_of(state, layout), "ResNet" if kind is ResNetConfig else "Swin"

    def fits(config: NetworkConfig) -> bool:
        return all(getattr(config, name) == value for name, value in size.items())

    fitting = [name for name, preset in presets.items() if fits(preset)]
    holds = f"{source} holds a {what} of {' and '.join(f'{name} {value}' for name, value in size.items())}"
    hint = f"; it fits the preset {fitting[0]!r}" if fitting else ""
    if wanted is not None and not isinstance(wanted, kind):
        raise UserError(f"{holds}, but the config says another kind of network{hint}.")
    if wanted is None and not fitting:
        raise UserError(f"{holds}, which is none of {', '.join(presets)}.")
    config = wanted or presets[fitting[0]]
    if not fits(config):
        ours = " and ".join(str(getattr(config, name)) for name in size)
        raise UserError(f"{holds}, but the config says {ours}{hint}.")
    head = torch_resnet.HEAD if kind is ResNetConfig else f"{LAYOUTS[layout].head}.weight"
    return dataclasses.replace(config, num_classes=state[head].shape[0])


def _names_of(config: NetworkConfig):
    """The module that knows the names of the weights of this kind of network."""
    return torch_resnet if isinstance(config, ResNetConfig) else torch_names


def param_shapes(config: NetworkConfig) -> Params:
    """Returns the parameter tree of a model with shapes for leaves."""
    return jax.eval_shape(lambda key: create(config, key)[1], jax.random.key(0))


def refuse_mismatch(found: dict[str, tuple], wanted: dict[str, tuple], source: str | Path) -> None:
    """Raises UserError unless two {name: shape} agree, with the first names of each kind of difference."""
    shared = found.keys() & wanted.keys()
    kinds = {
        "missing": sorted(wanted.keys() - found.keys()),
        "unused": sorted(found.keys() - wanted.keys()),
        "mis-shaped": [
            f"{k} {found[k]} for {wanted[k]}" for k in sorted(shared) if found[k] != wanted[k]
        ],
    }
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:LISTED])}{', ...' if len(names) > LISTED else ''})"
        for kind, names in kinds.items()
        if names
    ]
    if parts:
        raise UserError(
            f"{source} does not fit the model, is it of another kind? {'; '.join(parts)}."
        )
