"""Reads PyTorch weight files, from a path or from torch's hub cache, without ever running code that they hold."""

import hashlib
import pickle
import re
import urllib.error
from pathlib import Path

import numpy as np

from albar_jax.errors import UserError

StateDict = dict[str, np.ndarray]

SUFFIXES = (".pth", ".pt", ".safetensors")
INSTALL = "pip install 'albar_jax[torch]'"
HUB_MODELS = ("swin3d_t", "swin3d_s", "swin3d_b")


def read_state_dict(path: str | Path) -> StateDict:
    """Reads a .pth, .pt or .safetensors file as float32 arrays under their PyTorch names.

    Raises UserError if the file is missing, of another kind, or a pickle that holds more than tensors and plain
    values: such a pickle could run code, and is never loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no weight file {path}.")
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} does not end in {', '.join(SUFFIXES)}, the weight files that can be read.")
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)


def _read_safetensors(path: Path) -> StateDict:
    try:
        import safetensors.numpy
    except ImportError:
        raise UserError(f"Reading {path} needs safetensors: {INSTALL}.") from None
    try:
        return {name: value.astype(np.float32) for name, value in safetensors.numpy.load_file(path).items()}
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is not a readable .safetensors file ({error}).") from None


def _read_pickle(path: Path) -> StateDict:
    try:
        import torch
    except ImportError:
        raise UserError(f"Reading {path} needs PyTorch: {INSTALL}.") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} is refused: it is damaged, or holds more than tensors and could run code; save a state dict alone."
        ) from None
    except Exception:  # a damaged pickle fails anywhere in torch's parser, with any error
        raise UserError(f"{path} is not a readable PyTorch file: it is empty, cut off, or of another kind.") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UserError(f"{path} holds no state dict, that is, no dictionary of tensors.")
    return {name: value.float().numpy() for name, value in state.items()}


def hub_url(name: str) -> str:
    """Returns where torchvision publishes the Kinetics-400 weights of swin3d_t, swin3d_s or swin3d_b."""
    if name not in HUB_MODELS:
        raise UserError(f"torchvision:{name} is not known; choose from {', '.join(HUB_MODELS)}.")
    try:
        from torchvision.models import get_model_weights
    except ImportError:
        raise UserError(f"torchvision:{name} needs torchvision: {INSTALL}.") from None
    return get_model_weights(name).DEFAULT.url


def hub_file(url: str) -> Path:
    """Returns a file of torch's hub cache, downloaded first if it is not there.

    The first digits of its SHA-256 are part of its name, and are checked also for a file found in the cache. Raises
    UserError if the download fails or the digits differ.
    """
    import torch

    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    digits = re.search(r"-([0-9a-f]{8,})\.", name).group(1)
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digits)
    except (OSError, urllib.error.URLError) as error:
        raise UserError(f"{url} cannot be downloaded ({error}); fetch it elsewhere and save it as {path}.") from None
    except RuntimeError as error:
        raise UserError(f"{url} came damaged ({error}); try again.") from None
    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(digits):
            raise UserError(f"{path} is damaged: its SHA-256 does not start with {digits}; delete it and try again.")
    return path
