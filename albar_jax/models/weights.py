"""What training starts from: random parameters, a converted directory, or PyTorch weights."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp

from albar_jax.errors import UserError
from albar_jax.models import VideoSwinConfig, convert, torch_files
from albar_jax.types import Params

ARCHITECTURE = ("patch_size", "embed_dim", "depths", "num_heads", "window_size")
HUB = "torchvision:"


def initial_params(init: str, config: VideoSwinConfig, params: Params) -> Params:
    """Returns the parameters that training starts from, in the shapes of `params`.

    `init` is empty (keep the random `params`), a directory written by `albar_jax.models.convert`, a .pth, .pt or
    .safetensors file, or `torchvision:swin3d_t` (also _s, _b), found in torch's hub cache or downloaded. A head for
    another number of classes stays as it is in `params`, and a line on stderr says so. All else must fit: UserError
    names what does not.
    """
    if not init:
        return params
    found, loaded = load(init, config)
    if found.num_classes != config.num_classes:
        ours, theirs = config.num_classes, found.num_classes
        print(f"{init} tells {theirs} classes apart: its head is replaced by a new one for {ours}.", file=sys.stderr)
        loaded = loaded | {"head": params["head"]}
    return jax.tree.map(jnp.asarray, loaded)


def load(init: str, config: VideoSwinConfig) -> tuple[VideoSwinConfig, Params]:
    """Reads weights of the architecture of `config`, whatever their number of classes."""
    if Path(init).is_dir():
        found, params = convert.load_converted(init)
        for name in ARCHITECTURE:
            ours, theirs = getattr(config, name), getattr(found, name)
            if ours != theirs:
                raise UserError(f"{init} holds a model whose {name} is {theirs}, but the config says {ours}.")
        return found, params
    path = torch_files.hub_file(torch_files.hub_url(init.removeprefix(HUB))) if init.startswith(HUB) else init
    state = torch_files.read_state_dict(path)
    found = convert.with_classes_of(config, state, path)
    return found, convert.params_of(state, found, path)
