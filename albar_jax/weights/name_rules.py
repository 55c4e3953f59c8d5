"""Rules that map weight names and memory layouts between PyTorch and this library.

A row of a table is (module in PyTorch, our module, kind of layer), for example
("features.{2i}.{j}.mlp.0", "stages/{i}/blocks/{j}/mlp/fc1", "linear"). `{i}` is a number in our
path; `{2i+1}` is computed from it. `LAYERS` lists the weights of each kind of layer.
"""

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from albar_jax.types import BATCH_STATS

# (PyTorch module, our module, kind of layer)
Row = tuple[str, str, str]

# Weights of each kind of layer: (name in PyTorch, our path, transform); {} is our module.
LAYERS: dict[str, tuple[Row, ...]] = {
    "linear": (
        ("weight", "{}/kernel", "transpose"),
        ("bias", "{}/bias", "same"),
    ),
    "layer_norm": (
        ("weight", "{}/scale", "same"),
        ("bias", "{}/bias", "same"),
    ),
    "patches": (
        ("weight", "{}/kernel", "patches"),
        ("bias", "{}/bias", "same"),
    ),
    "position_bias": (("relative_position_bias_table", "{}/position_bias", "same"),),
    "conv": (("weight", "{}/kernel", "conv"),),
    "conv1d": (
        ("weight", "{}/kernel", "conv1d"),
        ("bias", "{}/bias", "same"),
    ),
    "pointwise": (
        ("weight", "{}/kernel", "pointwise"),
        ("bias", "{}/bias", "same"),
    ),
    # A norm over the channels of (n, c, t), with its own names in MGFN.
    "channel_norm": (
        ("g", "{}/scale", "channels"),
        ("b", "{}/bias", "channels"),
    ),
    # The same norm with the names of TriDet.
    "affine_norm": (
        ("weight", "{}/scale", "channels"),
        ("bias", "{}/bias", "channels"),
    ),
    "channel_scale": (("scale", "{}/scale", "channels"),),
    "scale": (("scale", "{}/scale", "same"),),
    "batch_norm": (
        ("weight", "{}/scale", "same"),
        ("bias", "{}/bias", "same"),
        ("running_mean", BATCH_STATS + "/{}/mean", "same"),
        ("running_var", BATCH_STATS + "/{}/var", "same"),
    ),
}


class Transform(NamedTuple):
    """A change of memory layout, in both directions; `to_torch` also gets the network's config."""

    from_torch: Callable[[np.ndarray], np.ndarray]
    to_torch: Callable[[np.ndarray, Any], np.ndarray]


def _patches_from_torch(kernel: np.ndarray) -> np.ndarray:
    return kernel.transpose(2, 3, 4, 1, 0).reshape(-1, kernel.shape[0])


def _patches_to_torch(kernel: np.ndarray, config: Any) -> np.ndarray:
    return kernel.reshape(*config.patch_size, 3, config.embed_dim).transpose(4, 3, 0, 1, 2)


TRANSFORMS = {
    "same": Transform(lambda x: x, lambda x, config: x),
    # (out, in) to (in, out)
    "transpose": Transform(lambda x: x.T, lambda x, config: x.T),
    # (out, in, h, w) to (h, w, in, out)
    "conv": Transform(
        lambda x: x.transpose(2, 3, 1, 0),
        lambda x, config: x.transpose(3, 2, 0, 1),
    ),
    # (out, in / groups, k) to (k, in / groups, out)
    "conv1d": Transform(lambda x: x.transpose(2, 1, 0), lambda x, config: x.transpose(2, 1, 0)),
    # (out, in, 1) to (in, out): a convolution of one tap is a linear layer
    "pointwise": Transform(lambda x: x[..., 0].T, lambda x, config: x.T[..., None]),
    # (1, c, 1) to (c,)
    "channels": Transform(lambda x: x.reshape(-1), lambda x, config: x[None, :, None]),
    # (out, in, t, h, w) to (t * h * w * in, out): the convolution as one matrix product
    "patches": Transform(_patches_from_torch, _patches_to_torch),
}

_PLACEHOLDER = re.compile(r"\{(?P<factor>\d*)(?P<name>[a-z])(?:\+(?P<offset>\d+))?\}")


@dataclasses.dataclass(frozen=True)
class NameTable:
    """The names of the weights of a kind of network in one code base.

    Attributes:
      name: the code base, as messages name it.
      kind: the kind of network, as messages name it.
      rows: modules as (PyTorch module, our module, kind of layer).
      first: our path of the kernel that reads pixels.
      first_dims: numbers of dimensions that this kernel can have in PyTorch.
      block: our path of the first weight of block {j} in stage {i}.
      marks: our paths of further weights that tell this code base from others.
      ignored: pattern of the PyTorch names that are not weights.
    """

    name: str
    kind: str
    rows: tuple[Row, ...]
    first: str
    first_dims: tuple[int, ...]
    block: str
    ignored: re.Pattern
    marks: tuple[str, ...] = ()

    def torch_name(self, path: str) -> str:
        """Returns the PyTorch name of our weight.

        For torchvision, "stages/0/blocks/1/norm1/scale" is "features.0.1.norm1.weight".

        Raises:
          KeyError: no row matches the path.
        """
        return self._find(path)[0]

    def from_torch(self, path: str, value: np.ndarray) -> np.ndarray:
        """Returns a weight of PyTorch in our memory layout; `path` is our path."""
        return self._find(path)[1].from_torch(value)

    def to_torch(self, path: str, value: np.ndarray, config: Any) -> np.ndarray:
        """Inverts `from_torch`; needs the config of the network."""
        return self._find(path)[1].to_torch(value, config)

    def torch_shape(self, path: str, shape: tuple[int, ...], config: Any) -> tuple[int, ...]:
        """Returns the shape in PyTorch of our weight of this path and shape."""
        # A broadcast zero has the shape, but needs no memory.
        return self.to_torch(path, np.broadcast_to(np.float32(0), shape), config).shape

    def block_name(self, stage: int, index: int) -> str:
        """Returns the PyTorch name of the first weight of a block."""
        return self.torch_name(_filled(self.block, {"i": stage, "j": index}))

    @functools.cached_property
    def first_name(self) -> str:
        """Returns the PyTorch name of the kernel that reads pixels."""
        return self.torch_name(self.first)

    @functools.cached_property
    def head_name(self) -> str:
        """Returns the PyTorch name of the head's kernel."""
        return self.torch_name("head/kernel")

    @functools.cached_property
    def landmarks(self) -> tuple[str, ...]:
        """Returns PyTorch names that every classifier of this table has."""
        marks = [self.torch_name(path) for path in self.marks]
        return (self.first_name, self.block_name(0, 0), *marks, self.head_name)

    def _find(self, path: str) -> tuple[str, Transform]:
        for pattern, torch_name, transform in self._rules:
            match = pattern.fullmatch(path)
            if match:
                numbers = {name: int(text) for name, text in match.groupdict().items()}
                return _filled(torch_name, numbers), TRANSFORMS[transform]
        raise KeyError(path)

    @functools.cached_property
    def _rules(self) -> list[tuple[re.Pattern, str, str]]:
        """Returns (pattern of our path, PyTorch name, transform) for each kind of weight."""
        rules = []
        for torch_module, our_module, layer in self.rows:
            for torch_leaf, our_path, transform in LAYERS[layer]:
                path = our_path.replace("{}", our_module)
                pattern = re.compile(_PLACEHOLDER.sub(r"(?P<\g<name>>\\d+)", path))
                rules.append((pattern, f"{torch_module}.{torch_leaf}", transform))
        return rules


def _filled(template: str, numbers: dict[str, int]) -> str:
    """Replaces the placeholders of a template, such as {2i+1}, by numbers."""

    def number(match: re.Match) -> str:
        factor = int(match["factor"] or 1)
        offset = int(match["offset"] or 0)
        return str(factor * numbers[match["name"]] + offset)

    return _PLACEHOLDER.sub(number, template)
