"""Loads weights from converted directories, PyTorch files and torchvision, and exports them."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from albar_jax.errors import UserError
from albar_jax.models import NetworkConfig, ResNetConfig, VideoSwinConfig
from albar_jax.terminal.escapes import notify
from albar_jax.types import Params
from albar_jax.weights import recognise, torch_files, torch_hub, torch_params
from albar_jax.weights.converted import load_converted
from albar_jax.weights.inflate import inflate, is_image_swin
from albar_jax.weights.trees import flatten

HUB = "torchvision:"
_REMEDY = "choose the config.model.preset of these weights, or other weights"


def initial_params(init: str, config: NetworkConfig, params: Params) -> Params:
    """Returns the weights that training starts from, with the shapes of `params`.

    A head for another number of classes is replaced by the random head of `params`, with a note on
    stderr. The heads of methods are never loaded.

    Args:
      init: source of the weights, as `load` takes it; "" keeps the random `params`.
      config: architecture and number of classes.
      params: random weights.

    Raises:
      UserError: the source cannot be loaded, or does not fit the config.
    """
    if not init:
        return params

    loaded_config, loaded = load(init, config)
    if loaded_config.num_classes != config.num_classes:
        notify(
            f"{init} has a head for {loaded_config.num_classes} classes, which is replaced by a "
            f"new head for {config.num_classes}."
        )
        loaded = loaded | {"head": params["head"]}
    return jax.tree.map(jnp.asarray, params | loaded)


def load(source: str, config: NetworkConfig | None = None) -> tuple[NetworkConfig, Params]:
    """Reads weights with any number of classes.

    Args:
      source: a directory written by `albar convert`, a weight file (see
        `torch_files`), or a name such as `torchvision:swin3d_t`, which is downloaded to torch's hub
        cache. A weight file holds a Video Swin, a ResNet, or an image Swin, which is inflated for
        clips with a note on stderr. `FILE#NAME` selects one of several networks.
      config: architecture that the weights have to fit; None accepts any preset.

    Returns:
      The config of the weights, and the weights.

    Raises:
      UserError: the source is anything else, or numbers are not finite.
    """
    if Path(source).is_dir():
        return _load_directory(source, config)
    return _load_torch(source, config)


def _load_directory(source: str, config: NetworkConfig | None) -> tuple[NetworkConfig, Params]:
    loaded_config, params = load_converted(source)
    if config is None:
        return loaded_config, params

    if type(config) is not type(loaded_config):
        raise UserError(
            f"{source} holds a {loaded_config.kind}, but the config says a {config.kind}; {_REMEDY}"
        )
    # Shapes alone do not suffice: windows (2, 2, 3) and (3, 2, 2) have tables of one
    # shape, for example.
    for name in config.architecture:
        ours = getattr(config, name)
        theirs = getattr(loaded_config, name)
        if ours != theirs:
            raise UserError(
                f"{source} holds a model whose {name} is {theirs}, but the config says {ours}; "
                f"{_REMEDY}"
            )
    return loaded_config, params


def _load_torch(source: str, config: NetworkConfig | None) -> tuple[NetworkConfig, Params]:
    path = source
    if source.startswith(HUB):
        path = torch_hub.hub_file(torch_hub.hub_url(source.removeprefix(HUB)))

    state = torch_files.read_state_dict(path)
    table = recognise.table_of(state, path)
    loaded_config = recognise.config_of(state, table, config, path)
    if isinstance(loaded_config, VideoSwinConfig) and is_image_swin(state, table):
        # A 2D Swin takes the weights without changes.
        if loaded_config.patch_size[0] > 1 or loaded_config.window_size[0] > 1:
            notify(f"{source} is a Swin for images, which is inflated to video.")
        state = inflate(state, table, loaded_config, path)

    return loaded_config, torch_params.params_of(state, table, loaded_config, path)


def save_torch(path: str | Path, config: NetworkConfig, params: Params) -> None:
    """Writes a .pth, .pt or .safetensors file that torchvision's network loads strictly.

    Args:
      path: new file; the suffix determines the format.
      config: architecture and number of classes.
      params: our weights.

    Raises:
      UserError: the file already exists or cannot be written, or torchvision has no such network.
    """
    # Raises for a network that torchvision does not have.
    torchvision_call(config)
    torch_files.write_state_dict(path, torch_params.state_dict_of(params, config))


def holds(path: str | Path, config: NetworkConfig, params: Params) -> bool:
    """Returns whether a file or directory holds exactly these weights.

    A repeated command uses it to accept the output of an earlier run that was killed at its end.
    """
    try:
        loaded_config, loaded = load(str(path), config)
    except UserError:
        return False

    ours = flatten(params)
    theirs = flatten(loaded)
    if loaded_config.num_classes != config.num_classes or ours.keys() != theirs.keys():
        return False
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


def torchvision_call(config: NetworkConfig) -> str:
    """Returns the Python expression that makes torchvision's network of a config.

    Raises:
      UserError: a ResNet has another width or number of stages than torchvision's.
    """
    if isinstance(config, ResNetConfig):
        return _resnet_call(config)

    arguments = []
    for name, value in config.saved_fields().items():
        arguments.append(f"{name}={list(value) if isinstance(value, tuple) else value}")
    return f"torchvision.models.video.SwinTransformer3d({', '.join(arguments)})"


def _resnet_call(config: ResNetConfig) -> str:
    if (config.stem_width, len(config.depths)) != (64, 4):
        raise UserError(
            "torchvision's ResNets have 4 stages and a stem of width 64, not "
            f"{len(config.depths)} and {config.stem_width}; choose a name without an ending, which "
            "makes a folder of ours"
        )
    block = "Bottleneck" if config.bottleneck else "BasicBlock"
    return (
        f"torchvision.models.ResNet(torchvision.models.resnet.{block}, "
        f"{list(config.depths)}, num_classes={config.num_classes})"
    )


def classes_file(weights: str | Path) -> Path:
    """Returns the path of the class names of weights, next to their file or directory.

    The file need not exist.
    """
    file, _ = torch_files.split_choice(weights)
    # The path may be "." or end in a slash, so make it absolute.
    return Path(f"{file.absolute()}.classes.txt")
