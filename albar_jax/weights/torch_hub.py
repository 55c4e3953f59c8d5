"""Finds torchvision's published weights, and downloads them to torch's hub cache."""

import hashlib
import re
import urllib.error
from pathlib import Path
from typing import cast

from albar_jax.errors import UserError

# The command that installs PyTorch and torchvision, for messages.
INSTALL = "pip install torch torchvision"
HUB_MODELS = (
    "swin3d_t",
    "swin3d_s",
    "swin3d_b",
    "swin_t",
    "swin_s",
    "swin_b",
    "resnet18",
    "resnet50",
)


def hub_url(name: str) -> str:
    """Returns the address of torchvision's weights.

    swin3d_* were trained on Kinetics-400, swin_* and resnet* on ImageNet. A ResNet has several
    releases; this is the first, from which the published methods start.

    Args:
      name: name of the model, one of `HUB_MODELS`.

    Raises:
      UserError: the name is unknown, or torchvision is not installed.
    """
    if name not in HUB_MODELS:
        raise UserError(f"torchvision:{name} is not known; choose from {', '.join(HUB_MODELS)}")
    try:
        from torchvision.models import get_model_weights
    except ImportError:
        raise UserError(f"torchvision:{name} needs torchvision: {INSTALL}") from None

    weights = get_model_weights(name)
    if name.startswith("resnet"):
        return weights.IMAGENET1K_V1.url
    return weights.DEFAULT.url


def hub_file(url: str) -> Path:
    """Returns a file of torch's hub cache; downloads it if it is missing.

    The name of the file contains the first digits of its SHA-256. They are checked also for a file
    that is already in the cache.

    Raises:
      UserError: the download fails, or the digits differ.
    """
    # Imported here, because all other weights are read without PyTorch.
    import torch

    name = url.rsplit("/", 1)[-1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    # The names of all files that torchvision publishes end in their hash.
    hash_in_name = cast(re.Match[str], re.search(r"-([0-9a-f]{8,})\.", name))
    digits = hash_in_name.group(1)
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=digits)
    except (OSError, urllib.error.URLError) as error:
        raise UserError(
            f"{url} cannot be downloaded ({error}); download it on another machine and save it as "
            f"{path}"
        ) from None
    except RuntimeError as error:
        raise UserError(f"{url} was damaged during the download ({error}); try again") from None

    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(digits):
            raise UserError(
                f"{path} is damaged: its SHA-256 does not start with {digits}; delete it and try "
                "again"
            )
    return path
