"""Names and layouts of ResNet weights in PyTorch state dicts: torchvision's, which timm has too."""

import re

import numpy as np

from albar_jax.models.resnet import ResNetConfig
from albar_jax.types import BATCH_STATS

LAYOUT = "torchvision resnet"
# Where our modules are, each with what its pattern makes of it; numbers count from 1 there.
MODULES = (
    (r"stem", "conv1"),
    (r"stem_norm", "bn1"),
    (r"stages/(\d+)/(\d+)/convs/(\d+)", "layer{0}.{1}.conv{2}"),
    (r"stages/(\d+)/(\d+)/norms/(\d+)", "layer{0}.{1}.bn{2}"),
    (r"stages/(\d+)/(\d+)/shortcut", "layer{0}.{1}.downsample.0"),
    (r"stages/(\d+)/(\d+)/shortcut_norm", "layer{0}.{1}.downsample.1"),
    (r"head", "fc"),
)
LEAVES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
# How many batches were counted along, which torch wants only where its momentum is None.
COUNTER = "num_batches_tracked"
BUFFERS = re.compile(rf"\.{COUNTER}$")
STEM, HEAD = "conv1.weight", "fc.weight"


def block(stage: int, index: int) -> str:
    """Returns what torchvision calls a block."""
    return f"layer{stage + 1}.{index}"


def torch_name(path: str, layout: str = LAYOUT) -> str:
    """Returns what torchvision calls our weight, e.g. stages/0/1/norms/0/scale -> layer1.1.bn1.weight."""
    module, leaf = path.removeprefix(f"{BATCH_STATS}/").rsplit("/", 1)
    for pattern, name in MODULES:
        if found := re.fullmatch(pattern, module):
            stage, index, number = (int(n) for n in (*found.groups(), 0, 0, 0)[:3])
            return f"{name.format(stage + 1, index, number + 1)}.{LEAVES[leaf]}"
    raise KeyError(path)


def torch_shape(path: str, shape: tuple[int, ...], config: ResNetConfig) -> tuple[int, ...]:
    """Returns the shape in PyTorch of our weight."""
    return (*shape[:-3:-1], *shape[:-2]) if path.endswith("/kernel") else shape


def from_torch(path: str, value: np.ndarray) -> np.ndarray:
    """Changes the layout of one weight: (o, i, h, w) to (h, w, i, o), (out, in) to (in, out)."""
    return np.moveaxis(value, (1, 0), (-2, -1)) if path.endswith("/kernel") else value


def to_torch(path: str, value: np.ndarray, config: ResNetConfig) -> np.ndarray:
    """Undoes `from_torch`."""
    return np.moveaxis(value, (-2, -1), (1, 0)) if path.endswith("/kernel") else value
