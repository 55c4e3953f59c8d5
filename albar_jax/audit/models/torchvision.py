"""Asks a video network of torchvision, `torchvision:NAME`, such as `torchvision:r3d_18`.

`weights` is DEFAULT (also without the option) or another name of published weights, a file of
weights, or `random`, with the option `seed`. Files are read without unpickling objects. Clips are
scaled, cropped and normalized by the transforms of the published weights, and have the frames and
the rate of their evaluation. The outputs are the 400 classes of Kinetics, or those of `classes`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from albar_jax.audit.models import class_list, digest, torch_network
from albar_jax.audit.models.base import Answer, Options, Sampling
from albar_jax.audit.models.torchvision_weights import (
    Weights,
    load_file,
    load_published,
    load_random,
)
from albar_jax.errors import UserError
from albar_jax.terminal.flags import suggestion
from albar_jax.weights.torch_hub import INSTALL

_RANDOM = "random"


class TorchvisionModel:
    """A video network of torchvision; see `base.AuditModel`."""

    keeps_answers = True

    def __init__(self, location: str, options: Options):
        library = _import()
        published = _published(library, location)
        weights = _load(library, location, published, options)

        # All weights of one architecture have the same transforms.
        self._transforms = published.DEFAULT.transforms()
        self._network = torch_network.TorchNetwork(weights.module, _call, options)

        self.name = location
        self.classes = weights.classes
        self.sampling = torch_network.chosen_sampling(options, sampling_of(published.DEFAULT.meta))
        version = library.__version__.partition("+")[0]
        self.fingerprint = digest.fingerprint(
            "torchvision",
            [],
            location,
            version,
            self._network.digest,
            self._network.dtype,
            self.sampling,
        )
        # Its own settings always fit.
        if options.frames is not None or options.dtype is not None:
            torch_network.refuse_unusable_clips(
                self,
                f"torchvision:{location}",
                self._network.dtype,
                "leave out frames and dtype for its own",
            )

    def answer(self, clips: Sequence[np.ndarray]) -> list[Answer]:
        """Returns the probabilities of each clip, float32 (K,)."""
        inputs = [self._transforms(_frames(clip)) for clip in clips]
        return list(self._network.probabilities(torch.stack(inputs)))


def open(location: str, options: Options) -> TorchvisionModel:
    """Makes the network and reads its weights.

    Raises:
      UserError: there is no such network, its weights cannot be read or do not fit, or it does not
        take the frames that the options choose.
    """
    return TorchvisionModel(location, options)


def sampling_of(meta: dict[str, Any]) -> Sampling:
    """Returns the frames and the rate with which published weights were evaluated.

    Args:
      meta: torchvision's metadata of the weights; the text `_docs` states the rate.
    """
    text = meta.get("_docs", "")
    frames = re.search(r"clip_len=(\d+)", text)
    rate = re.search(r"frame_rate=(\d+(?:\.\d+)?)", text)
    if frames and rate:
        return Sampling(int(frames[1]), fps=float(rate[1]))
    return Sampling(max(16, meta.get("min_temporal_size", 1)))


def _import() -> ModuleType:
    """Returns torchvision. Raises UserError if it does not fit PyTorch."""
    try:
        import torchvision
    # A torchvision for another PyTorch raises RuntimeError.
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"torchvision cannot be imported ({torch_network.first_line(error)}), because it does "
            f"not fit PyTorch {torch.__version__}; install both together: {INSTALL}"
        ) from None
    return torchvision


def _published(library: ModuleType, name: str) -> Any:
    """Returns the published weights of a network. Raises UserError for an unknown name."""
    models = library.models
    names = models.list_models(module=models.video)
    if name not in names:
        raise UserError(
            f"torchvision has no video network {name!r}, only {', '.join(names)}"
            f"{suggestion(name, names)}"
        )
    return models.get_model_weights(name)


def _load(library: ModuleType, name: str, published: Any, options: Options) -> Weights:
    """Returns the network with the weights that the options choose."""
    classes = class_list.read(options.classes)
    wanted = options.weights or "DEFAULT"

    def make(num_classes: int) -> torch.nn.Module:
        return library.models.get_model(name, weights=None, num_classes=num_classes)

    if wanted == _RANDOM:
        return load_random(make, classes or published.DEFAULT.meta["categories"], options.seed or 0)
    if options.seed is not None:
        raise UserError(f"seed={options.seed} has no effect with weights={wanted}; leave it out")
    if wanted in published.__members__:
        return load_published(make, published[wanted], classes)
    if Path(wanted).suffix == "" and not Path(wanted).exists():
        known = [*published.__members__, _RANDOM]
        raise UserError(
            f"there are no weights {wanted!r} of torchvision:{name}; write "
            f"weights={', '.join(known)}, or a file{suggestion(wanted, known)}"
        )
    return load_file(make, wanted, published, classes)


def _frames(clip: np.ndarray) -> torch.Tensor:
    """Returns a clip as torchvision takes it, uint8 (T, 3, H, W)."""
    # A copy, because PyTorch requires writable memory in ascending order.
    return torch.from_numpy(np.array(clip)).permute(0, 3, 1, 2).contiguous()


def _call(module: torch.nn.Module, clips: torch.Tensor) -> torch.Tensor:
    return module(clips)
