"""Where weights come from and go to: random parameters, converted directories, PyTorch's files."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp

from albar_jax.errors import UserError
from albar_jax.models import ARCHITECTURE, VideoSwinConfig, torch_files, torch_params
from albar_jax.models.converted import load_converted
from albar_jax.models.inflate import inflate, is_image_model
from albar_jax.types import Params

HUB = "torchvision:"


def initial_params(init: str, config: VideoSwinConfig, params: Params) -> Params:
    """Returns the parameters that training starts from, in the shapes of `params`.

    `init` is empty (keep the random `params`) or what `load` takes. A head for another number of classes stays as it
    is in `params`, and a line on stderr says so. All else must fit: UserError names what does not.
    """
    if not init:
        return params
    found, loaded = load(init, config)
    if found.num_classes != config.num_classes:
        ours, theirs = config.num_classes, found.num_classes
        print(f"{init} tells {theirs} classes apart: its head is replaced by a new one for {ours}.", file=sys.stderr)
        loaded = loaded | {"head": params["head"]}
    return jax.tree.map(jnp.asarray, loaded)


def load(source: str, config: VideoSwinConfig | None = None) -> tuple[VideoSwinConfig, Params]:
    """Reads weights of the architecture of `config`, or of any preset, whatever their number of classes.

    `source` is a directory written by `albar_jax.models.convert`; a .pth, .pt or .safetensors file of a Video Swin, or
    of an image Swin, which is inflated, and a line on stderr says so; or `torchvision:swin3d_t` and the like, found in
    torch's hub cache or downloaded. Raises UserError for anything else.
    """
    return (_load_directory if Path(source).is_dir() else _load_torch)(source, config)


def _load_directory(source: str, config: VideoSwinConfig | None) -> tuple[VideoSwinConfig, Params]:
    found, params = load_converted(source)
    for name in ARCHITECTURE if config else ():
        ours, theirs = getattr(config, name), getattr(found, name)
        if ours != theirs:
            raise UserError(f"{source} holds a model whose {name} is {theirs}, but the config says {ours}.")
    return found, params


def _load_torch(source: str, config: VideoSwinConfig | None) -> tuple[VideoSwinConfig, Params]:
    path = torch_files.hub_file(torch_files.hub_url(source.removeprefix(HUB))) if source.startswith(HUB) else source
    state = torch_files.read_state_dict(path)
    layout = torch_params.layout_of(state, path)
    found = torch_params.config_of(state, layout, config, path)
    if is_image_model(state, layout):
        print(f"{source} is a Swin for images: it is inflated to clips.", file=sys.stderr)
        state = inflate(state, layout, found, path)
    return found, torch_params.params_of(state, layout, found, path)


def save_torch(path: str | Path, config: VideoSwinConfig, params: Params) -> None:
    """Writes a .pth, .pt or .safetensors file that torchvision's SwinTransformer3d of this config loads strictly.

    Raises UserError if the file exists already or cannot be written.
    """
    torch_files.write_state_dict(path, torch_params.state_dict_of(params, config))


def torchvision_call(config: VideoSwinConfig) -> str:
    """Returns the Python expression that makes torchvision's model of a config, for what `save_torch` writes."""
    values = {name: getattr(config, name) for name in (*ARCHITECTURE, "num_classes")}
    arguments = (f"{k}={list(v) if isinstance(v, tuple) else v}" for k, v in values.items())
    return f"torchvision.models.video.SwinTransformer3d({', '.join(arguments)})"


def classes_file(weights: str | Path) -> Path:
    """Returns where the names of the classes of weights are listed, if they are: beside the file or directory."""
    return Path(f"{Path(weights).absolute()}.classes.txt")  # absolute, because weights may be "." and end in a slash
