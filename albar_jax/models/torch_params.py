"""Between PyTorch state dicts and our parameters: all of them or none, to the bit, in both directions."""

import dataclasses
import itertools
from pathlib import Path

import jax
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, VideoSwinConfig, create, torch_names, windows
from albar_jax.models.torch_files import StateDict
from albar_jax.models.torch_names import LAYOUTS
from albar_jax.types import Params

LISTED = 8  # names given of each kind of mismatch


def params_of(state: StateDict, layout: str, config: VideoSwinConfig, source: str | Path) -> Params:
    """Returns the parameters of a state dict of a layout as we name and shape them: nested, float32.

    Raises UserError with the missing, unused and mis-shaped names; `source` is what to call the file in it.
    """
    shapes = torch_names.flatten(param_shapes(config))
    names = {path: torch_names.torch_name(path, layout) for path in shapes}
    wanted = {names[path]: torch_names.torch_shape(path, leaf.shape, config) for path, leaf in shapes.items()}
    refuse_mismatch(
        {name: value.shape for name, value in state.items() if not torch_names.BUFFERS.search(name)}, wanted, source
    )
    flat = {path: torch_names.from_torch(path, state[name]) for path, name in names.items()}
    return torch_names.unflatten({path: np.ascontiguousarray(value) for path, value in flat.items()})


def state_dict_of(params: Params, config: VideoSwinConfig) -> StateDict:
    """Returns what torchvision's SwinTransformer3d of this config loads strictly: float32, and int64 index buffers."""
    state = {}
    for path, value in torch_names.flatten(params).items():
        name = torch_names.torch_name(path, "torchvision")
        # A copy, because torch wants memory that it may write to.
        state[name] = np.array(torch_names.to_torch(path, np.asarray(value), config), np.float32, order="C")
        if path.endswith("/position_bias"):
            index = windows.relative_index(config.window_size, config.window_size)
            state[f"{name.rpartition('.')[0]}.{torch_names.POSITION_INDEX}"] = index.astype(np.int64)
    return state


def layout_of(state: StateDict, source: str | Path) -> str:
    """Returns whose names a state dict uses. Raises UserError for what is no classifying Swin.

    What tells the sizes of the model has its number of dimensions: (o, c, h, w) or (o, c, t, h, w), and (out, in).
    """

    def shared(layout: str) -> int:
        return sum(name in state for name in LAYOUTS[layout].landmarks)

    def has_blocks(layout: str) -> bool:
        return f"{LAYOUTS[layout].block(0, 0)}.norm1.weight" in state

    layout = max(filter(has_blocks, LAYOUTS), key=shared, default=None)
    if layout is None:
        raise UserError(f"{source} holds no Swin: no name in it is that of a block of {', '.join(LAYOUTS)}.")
    for module, dimensions in ((LAYOUTS[layout].patch_proj, (4, 5)), (LAYOUTS[layout].head, (2,))):
        name = f"{module}.weight"
        if name not in state:
            raise UserError(
                f"{source} is no Swin classifier: it has blocks, but no {name}; is it a detector's or a part?"
            )
        if state[name].ndim not in dimensions:
            wanted = " or ".join(map(str, dimensions))
            raise UserError(f"{source} is no Swin: {name} has the shape {state[name].shape}, not {wanted} dimensions.")
    return layout


def size_of(state: StateDict, layout: str) -> tuple[int, tuple[int, ...]]:
    """Returns embed_dim and depths of the model that a state dict belongs to."""
    names = LAYOUTS[layout]

    def depth(stage: int) -> int:
        return next(j for j in itertools.count() if f"{names.block(stage, j)}.norm1.weight" not in state)

    depths = tuple(itertools.takewhile(bool, map(depth, itertools.count())))
    return state[f"{names.patch_proj}.weight"].shape[0], depths


def config_of(state: StateDict, layout: str, wanted: VideoSwinConfig | None, source: str | Path) -> VideoSwinConfig:
    """Returns `wanted`, or if None the preset of the size of a state dict, with as many classes as its head has.

    Raises UserError if the state dict is of another size.
    """
    embed_dim, depths = size_of(state, layout)
    fitting = [name for name, preset in PRESETS.items() if (preset.embed_dim, preset.depths) == (embed_dim, depths)]
    holds = f"{source} holds a Swin of embed_dim {embed_dim} and depths {depths}"
    if wanted is None and not fitting:
        raise UserError(f"{holds}, which is none of {', '.join(PRESETS)}.")
    config = wanted or PRESETS[fitting[0]]
    if (config.embed_dim, config.depths) != (embed_dim, depths):
        hint = f"; it fits the preset {fitting[0]!r}" if fitting else ""
        raise UserError(f"{holds}, but the config says {config.embed_dim} and {config.depths}{hint}.")
    return dataclasses.replace(config, num_classes=state[f"{LAYOUTS[layout].head}.weight"].shape[0])


def param_shapes(config: VideoSwinConfig) -> Params:
    """Returns the parameter tree of a model with shapes for leaves."""
    return jax.eval_shape(lambda key: create(config, key)[1], jax.random.key(0))


def refuse_mismatch(found: dict[str, tuple], wanted: dict[str, tuple], source: str | Path) -> None:
    """Raises UserError unless two {name: shape} agree, with the first names of each kind of difference."""
    shared = found.keys() & wanted.keys()
    kinds = {
        "missing": sorted(wanted.keys() - found.keys()),
        "unused": sorted(found.keys() - wanted.keys()),
        "mis-shaped": [f"{k} {found[k]} for {wanted[k]}" for k in sorted(shared) if found[k] != wanted[k]],
    }
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:LISTED])}{', ...' if len(names) > LISTED else ''})"
        for kind, names in kinds.items()
        if names
    ]
    if parts:
        raise UserError(f"{source} does not fit the model, is it of another kind? {'; '.join(parts)}.")
