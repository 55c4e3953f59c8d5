"""TriDet as a pure function of its parameters. (Shi et al., CVPR 2023)

Source: dingfengshi/TriDet, libs/modeling/meta_archs.py.
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Key

from albar_jax.downstream.tridet.backbone import Backbone
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.layers import Conv, Scale, Sequences, layer_norm
from albar_jax.downstream.tridet.pyramid import Pyramid
from albar_jax.types import Params

# Initial probability of a class, a start or an end.
PRIOR = 0.01
INITIAL_SCALE = 1e-4
_SGP_FILTERS = ("psi", "conv_w", "conv_kw", "fc", "global_fc")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TridetOutputs:
    """The outputs of TriDet at the p positions of a pyramid, 0 in gaps and padding.

    Attributes:
      classes: logits of c classes.
      starts: logits of a start of a segment of each class.
      ends: logits of an end.
      offsets: logits of the distances 0 to bins, first for starts (farthest first), then for ends,
        at least 0.
      valid: True for points that are neither gap nor padding.
    """

    classes: Float[Array, "b p c"]
    starts: Float[Array, "b p c"]
    ends: Float[Array, "b p c"]
    offsets: Float[Array, "b p o"]
    valid: Bool[Array, "b p"]


# (params, features, mask, key); see `create`.
ApplyTridet = Callable[
    [Params, Float[Array, "b t d"], Bool[Array, "b t"], Key[Array, ""] | None], TridetOutputs
]


class SharedHead(nnx.Module):
    """Convolutions over joined levels; every convolution is masked.

    Args:
      config: widths and layers.
      outputs: number of output channels.
    """

    def __init__(self, config: TridetConfig, outputs: int):
        self.layers = config.head_layers
        self.convs = nnx.Dict()
        self.norms = nnx.Dict()
        for i in range(self.layers):
            inputs = config.head_width if i else config.width
            self.convs[str(i)] = Conv(3, inputs, config.head_width, bias=False)
            self.norms[str(i)] = layer_norm(config.head_width)

        self.out = Conv(3, config.head_width, outputs)

    def __call__(
        self, x: Sequences, valid: Bool[Array, "b p 1"], is_point: Bool[np.ndarray, " p 1"]
    ) -> Sequences:
        """Returns the outputs at all positions, 0 in gaps and padding."""
        for i in range(self.layers):
            x = jax.nn.relu(self.norms[str(i)](self.convs[str(i)](x) * valid))
            # The next convolution sees the norm's bias in padding, but zeros beyond a level.
            x = x * is_point

        return self.out(x) * valid


class Tridet(nnx.Module):
    """The backbone, and four heads that all levels share."""

    def __init__(self, config: TridetConfig, input_width: int, num_classes: int):
        self.config = config
        self.backbone = Backbone(config, input_width)
        self.class_head = SharedHead(config, num_classes)
        self.start_head = SharedHead(config, num_classes)
        self.end_head = SharedHead(config, num_classes)
        self.offset_head = SharedHead(config, 2 * (config.bins + 1))
        self.level_scale = nnx.Dict({str(i): Scale() for i in range(config.levels)})

    def __call__(
        self, x: Float[Array, "b t d"], mask: Bool[Array, "b t"], key: Key[Array, ""] | None
    ) -> TridetOutputs:
        """Returns the outputs at all positions; see `create`."""
        # All levels pass through the heads as one sequence.
        pyramid = pyramid_of(self.config, x.shape[1])
        joined = pyramid.join(self.backbone(x, mask[..., None], key))
        valid = pyramid.valid(mask)
        masks = valid[..., None], pyramid.is_point[:, None]

        # The boundary heads do not train the backbone.
        detached = jax.lax.stop_gradient(joined)
        scales = [self.level_scale[str(i)].scale[...] for i in range(self.config.levels)]
        position_scale = jnp.stack(scales)[np.maximum(pyramid.level, 0)][:, None]

        return TridetOutputs(
            classes=self.class_head(joined, *masks),
            starts=self.start_head(detached, *masks),
            ends=self.end_head(detached, *masks),
            offsets=jax.nn.relu(self.offset_head(joined, *masks) * position_scale),
            valid=valid,
        )


def pyramid_of(config: TridetConfig, length: int) -> Pyramid:
    """Returns the layout of the positions for a padded length of level 0.

    The gaps are as long as the reach of the decoding, and a convolution reaches 1.
    """
    return Pyramid(length, config.levels, config.bins)


def random_params(shapes: Params, init_conv_vars: float, key: Key[Array, ""]) -> Params:
    """Draws initial parameters.

    Kernels are uniform within 1 / sqrt(fan in), as by default in torch. The SGP filters are normal
    with standard deviation `init_conv_vars`, and their residual scales are 1e-4. Biases are 0, and
    -ln 99 for classes, starts and ends. Other scales are 1.

    Args:
      shapes: parameter tree with shapes for leaves.
      init_conv_vars: standard deviation of the SGP filters, >= 0.
      key: random key.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(shapes)
    ends = np.cumsum([math.prod(leaf.shape) for _, leaf in leaves])
    k_uniform, k_normal = jax.random.split(key)
    # One draw for all parameters: compiling a random generator per shape takes seconds.
    uniform = jax.random.uniform(k_uniform, (ends[-1],), jnp.float32, -1, 1)
    noise = jax.random.normal(k_normal, (ends[-1],), jnp.float32)

    params = []
    for (path, leaf), end in zip(leaves, ends, strict=True):
        span = slice(end - math.prod(leaf.shape), end)
        match [str(step.key) for step in path]:
            case [*_, module, "kernel"] if module in _SGP_FILTERS:
                values = init_conv_vars * noise[span].reshape(leaf.shape)
            case [*_, "kernel"]:
                values = uniform[span].reshape(leaf.shape) / math.sqrt(math.prod(leaf.shape[:-1]))
            case [*_, "branch_scale" | "mlp_scale", "scale"]:
                values = jnp.full(leaf.shape, INITIAL_SCALE)
            case ["class_head" | "start_head" | "end_head", "out", "bias"]:
                values = jnp.full(leaf.shape, -math.log((1 - PRIOR) / PRIOR))
            case [*_, "scale"]:
                values = jnp.ones(leaf.shape)
            case _:
                values = jnp.zeros(leaf.shape)
        params.append(values.astype(leaf.dtype))

    return jax.tree.unflatten(tree, params)


def create(
    config: TridetConfig, input_width: int, num_classes: int, key: Key[Array, ""]
) -> tuple[ApplyTridet, Params]:
    """Returns TriDet as a pure function, and its random parameters.

    Args:
      config: architecture.
      input_width: channels d of the features.
      num_classes: number of classes c.
      key: random key of the parameters.

    Returns:
      `apply(params, features, mask, key) -> TridetOutputs` and the parameters. `features` is
      float32 (b, t, d) with t divisible by 2^(levels - 1); `mask` (b, t) is True for real steps.
      Key None selects evaluation: no stochastic depth. `params` is a nested dict of float32 arrays
      with string keys.
    """
    # The graph has the structure of the network; parameters are passed to each call.
    graph, shapes = nnx.split(nnx.eval_shape(lambda: Tridet(config, input_width, num_classes)))

    def apply(
        params: Params,
        features: Float[Array, "b t d"],
        mask: Bool[Array, "b t"],
        key: Key[Array, ""] | None,
    ) -> TridetOutputs:
        return nnx.merge(graph, params)(features, mask, key)

    draw = functools.partial(random_params, nnx.to_pure_dict(shapes), config.init_conv_vars)
    return apply, jax.jit(draw)(key)


def param_shapes(config: TridetConfig, input_width: int, num_classes: int) -> Params:
    """Returns the parameter tree with shapes for leaves."""
    return jax.eval_shape(
        lambda key: create(config, input_width, num_classes, key)[1], jax.random.key(0)
    )
