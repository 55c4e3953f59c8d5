"""Where weights come from and go to: random parameters, converted directories, PyTorch's files."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models import NetworkConfig, ResNetConfig
from albar_jax.terminal.escapes import notify
from albar_jax.types import Params
from albar_jax.weights import torch_files, torch_params, torch_resnet
from albar_jax.weights.converted import load_converted
from albar_jax.weights.inflate import inflate, is_image_model
from albar_jax.weights.torch_names import flatten

HUB = "torchvision:"


def initial_params(init: str, config: NetworkConfig, params: Params) -> Params:
    """Returns the parameters that training starts from, in the shapes of `params`.

    `init` is empty (keep the random `params`) or what `load` takes. A head for another number of classes stays as it
    is in `params`, and a line on stderr says so; so do the heads that methods bring. All else must fit: UserError names
    what does not.
    """
    if not init:
        return params
    found, loaded = load(init, config)
    if found.num_classes != config.num_classes:
        ours, theirs = config.num_classes, found.num_classes
        notify(
            f"{init} has a head for {theirs} classes, which is replaced by a new head for {ours}."
        )
        loaded = loaded | {"head": params["head"]}
    return jax.tree.map(jnp.asarray, params | loaded)


def load(source: str, config: NetworkConfig | None = None) -> tuple[NetworkConfig, Params]:
    """Reads weights of the architecture of `config`, or of any preset, whatever their number of classes.

    `source` is a directory written by `albar convert`, a weight file (see
    `torch_files`), or a name such as `torchvision:swin3d_t`, found in torch's hub cache or
    downloaded. A weight file holds a Video Swin, a ResNet, or an image Swin, which is inflated for
    clips with a note on stderr. `FILE#NAME` selects one of several networks. Raises UserError for
    anything else, and for weights that are not finite.
    """
    return (_load_directory if Path(source).is_dir() else _load_torch)(source, config)


def _load_directory(source: str, config: NetworkConfig | None) -> tuple[NetworkConfig, Params]:
    found, params = load_converted(source)
    if config and type(config) is not type(found):
        raise UserError(f"{source} holds a {_kind(found)}, but the config says a {_kind(config)}.")
    for name in config.architecture if config else ():
        ours, theirs = getattr(config, name), getattr(found, name)
        if ours != theirs:
            raise UserError(
                f"{source} holds a model whose {name} is {theirs}, but the config says {ours}."
            )
    return found, params


def _load_torch(source: str, config: NetworkConfig | None) -> tuple[NetworkConfig, Params]:
    path = (
        torch_files.hub_file(torch_files.hub_url(source.removeprefix(HUB)))
        if source.startswith(HUB)
        else source
    )
    state = torch_files.read_state_dict(path)
    layout = torch_params.layout_of(state, path)
    found = torch_params.config_of(state, layout, config, path)
    if layout != torch_resnet.LAYOUT and is_image_model(state, layout):
        if found.patch_size[0] > 1 or found.window_size[0] > 1:
            notify(f"{source} is a Swin for images, which is inflated to video.")
        state = inflate(state, layout, found, path)
    return found, torch_params.params_of(state, layout, found, path)


def save_torch(path: str | Path, config: NetworkConfig, params: Params) -> None:
    """Writes a .pth, .pt or .safetensors file that torchvision's network of this config loads strictly.

    Raises UserError if the file exists already or cannot be written, or torchvision has no such model.
    """
    torchvision_call(config)
    torch_files.write_state_dict(path, torch_params.state_dict_of(params, config))


def holds(path: str | Path, config: NetworkConfig, params: Params) -> bool:
    """Returns whether a file or directory holds exactly these weights, such as after a kill before the exit."""
    try:
        found, loaded = load(str(path), config)
    except UserError:
        return False
    one, other = flatten(params), flatten(loaded)
    return (
        found.num_classes == config.num_classes
        and one.keys() == other.keys()
        and all(np.array_equal(one[name], other[name]) for name in one)
    )


def torchvision_call(config: NetworkConfig) -> str:
    """Returns the Python expression that makes torchvision's model of a config, for what `save_torch` writes.

    Raises UserError for a ResNet of another width or number of stages than torchvision's.
    """
    if isinstance(config, ResNetConfig):
        if (config.stem_width, len(config.depths)) != (64, 4):
            raise UserError(
                f"torchvision's ResNets have 4 stages and a stem of width 64, not {len(config.depths)} and "
                f"{config.stem_width}; choose a name without an ending, which makes a folder of ours."
            )
        block = f"torchvision.models.resnet.{'Bottleneck' if config.bottleneck else 'BasicBlock'}"
        return f"torchvision.models.ResNet({block}, {list(config.depths)}, num_classes={config.num_classes})"
    values = {name: getattr(config, name) for name in (*config.architecture, "num_classes")}
    arguments = (f"{k}={list(v) if isinstance(v, tuple) else v}" for k, v in values.items())
    return f"torchvision.models.video.SwinTransformer3d({', '.join(arguments)})"


def _kind(config: NetworkConfig) -> str:
    return "ResNet" if isinstance(config, ResNetConfig) else "Swin"


def classes_file(weights: str | Path) -> Path:
    """Returns where the names of the classes of weights are listed, if they are: beside the file or directory."""
    file, _ = torch_files.split_choice(weights)
    # The path may be "." or end in a slash, so make it absolute.
    return Path(f"{file.absolute()}.classes.txt")
