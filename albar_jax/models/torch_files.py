"""Reads and writes PyTorch weight files, also from torch's hub cache, without ever running code that they hold."""

import errno
import hashlib
import pickle
import re
import shlex
import urllib.error
from pathlib import Path

import numpy as np
import safetensors.numpy

from albar_jax.errors import UserError
from albar_jax.files import replacing

StateDict = dict[str, np.ndarray]

SUFFIXES = (".pth", ".pt", ".safetensors")
INSTALL = "pip install -e '.[torch]'"
HUB_MODELS = ("swin3d_t", "swin3d_s", "swin3d_b", "swin_t", "swin_s", "swin_b", "resnet18", "resnet50")
# Where a file keeps its state dict beside other things: the official and mmaction2's, ALBAR's, Swin-Transformer's.
WRAPPERS = ("state_dict", "model_state_dict", "model")
# What DataParallel, torch.compile and Lightning put before every name.
PREFIXES = ("module.", "_orig_mod.", "model.")


def read_state_dict(path: str | Path) -> StateDict:
    """Reads a .pth, .pt or .safetensors file as float32 arrays under their PyTorch names, without wrappers' prefixes.

    Raises UserError if the file is missing, unreadable, of another kind, larger than the memory, or a pickle that holds
    more than tensors and plain values: such a pickle could run code, and is never loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no weight file {path}.")
    refuse_other_suffix(path)
    try:
        return without_prefixes(_read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
    except MemoryError:
        raise UserError(f"{path} does not fit into memory.") from None


def write_state_dict(path: str | Path, state: StateDict) -> None:
    """Writes a state dict as a new .pth, .pt or .safetensors file, whole or not at all.

    Raises UserError if the file exists already, ends otherwise, or needs PyTorch where there is none.
    """
    path = Path(path)
    refuse_other_suffix(path)
    if path.exists():
        raise UserError(f"{path} exists already; delete it or choose another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        if path.suffix == ".safetensors":
            # Not save_file, which lets only the owner read what it wrote.
            partial.write_bytes(safetensors.numpy.save(state, metadata={"format": "pt"}))
        else:
            torch = _torch(f"Writing {path}", "or choose a name that ends in .safetensors")
            torch.save({name: torch.from_numpy(value) for name, value in state.items()}, partial)


def refuse_other_suffix(path: Path) -> None:
    """Raises UserError for a file that does not end like a weight file."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} does not end in {', '.join(SUFFIXES)}, the weight files that are known.")


def without_prefixes(state: StateDict) -> StateDict:
    """Takes away what wrappers of a model put before every name."""
    for prefix in PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            return without_prefixes({name.removeprefix(prefix): value for name, value in state.items()})
    return state


def _read_safetensors(path: Path) -> StateDict:
    try:
        return {name: value.astype(np.float32) for name, value in safetensors.numpy.load_file(path).items()}
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is not a readable .safetensors file ({error}).") from None


def _read_pickle(path: Path) -> StateDict:
    torch = _torch(f"Reading {path}", "or save it as .safetensors where PyTorch is")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, str(error))) from None
    except Exception as error:  # a damaged pickle fails anywhere in torch's parser, with any error
        # EINVAL is not the disk's: in a file that is cut off, torch seeks to before its start.
        if isinstance(error, (OSError, MemoryError)) and getattr(error, "errno", None) != errno.EINVAL:
            raise
        raise UserError(f"{path} is not a readable PyTorch file: it is empty, cut off, or of another kind.") from None
    state = content
    if isinstance(content, dict):
        state = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), content)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        held = f"its keys are {', '.join(map(str, list(state)[:8]))}" if isinstance(state, dict) else "it is none"
        raise UserError(f"{path} holds no state dict, that is, no dictionary of tensors: {held}.")
    return {str(name): _array(value, f"{name} of {path}") for name, value in state.items()}


def _array(tensor, source: str) -> np.ndarray:
    try:
        return tensor.detach().float().numpy()
    except (RuntimeError, TypeError) as error:  # sparse, quantised, or a shape without values
        raise UserError(f"{source} is not a plain, dense tensor ({str(error).splitlines()[0]}).") from None


def _refusal(path: Path, reason: str) -> str:
    """Says why torch does not unpickle a file, and what to do with one that holds a training's records too."""
    found = re.search(r"GLOBAL (\S+)", reason)
    if found is None:
        return (
            f"{path} is refused: it is damaged, or a .safetensors file by another name, or holds more than tensors and "
            "could run code."
        )
    return (
        f"{path} is refused: besides tensors it holds {found.group(1)}, and such a file could run code; if you trust "
        f"it, save its tensors alone with: python -c {shlex.quote(_stripping(path))}"
    )


def _stripping(path: Path) -> str:
    """Returns the program that saves the tensors alone of a file: of a wrapped state dict, or of a whole model."""
    stripped = path.with_name(f"{path.stem}_weights.pth")
    return (
        f"import torch; x = torch.load({str(path)!r}, map_location='cpu', weights_only=False); "
        f"x = next((x[k] for k in {WRAPPERS} if k in x), x) if isinstance(x, dict) else x; "
        "x = x if isinstance(x, dict) else x.state_dict(); "
        f"torch.save({{k: v for k, v in x.items() if isinstance(v, torch.Tensor)}}, {str(stripped)!r})"
    )


def _torch(purpose: str, otherwise: str):
    try:
        import torch
    except ImportError:
        raise UserError(f"{purpose} needs PyTorch: {INSTALL}, {otherwise}.") from None
    return torch


def hub_url(name: str) -> str:
    """Returns where torchvision publishes the weights of swin3d_* (Kinetics-400), swin_* or resnet* (ImageNet).

    Of a ResNet they are the first, from which the published methods start.
    """
    if name not in HUB_MODELS:
        raise UserError(f"torchvision:{name} is not known; choose from {', '.join(HUB_MODELS)}.")
    try:
        from torchvision.models import get_model_weights
    except ImportError:
        raise UserError(f"torchvision:{name} needs torchvision: {INSTALL}.") from None
    weights = get_model_weights(name)
    return (weights.IMAGENET1K_V1 if name.startswith("resnet") else weights.DEFAULT).url


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
