"""Video Swin Transformer as a pure function of its parameters. (arXiv 2106.13230)

Padding, windows, shifts, masks and epsilons match torchvision's `SwinTransformer3d`.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Key

from albar_jax.models.blocks import Stage
from albar_jax.models.config import VideoSwinConfig
from albar_jax.models.layers import drop, fold, layer_norm, linear
from albar_jax.models.patches import PatchEmbed
from albar_jax.models.recompute import call_recomputed
from albar_jax.types import Apply, Outputs, Params

# Standard deviation of a standard normal that is truncated at -2 and 2.
TRUNCATED_NORMAL_SD = 0.87962566


class VideoSwin(nnx.Module):
    """Patch embedding, stages, mean over time and space, and a linear head."""

    def __init__(self, config: VideoSwinConfig, rngs: nnx.Rngs):
        self.config = config
        width = config.feature_width
        exact = config.exact_dtype
        self.patch_embed = PatchEmbed(config, rngs)
        self.stages = nnx.Dict({str(i): Stage(config, i, rngs) for i in range(len(config.depths))})
        self.norm = layer_norm(config, width, rngs, dtype=exact)
        self.head = linear(config, width, config.num_classes, rngs, dtype=exact)

    def __call__(
        self,
        video: Float[Array, "b t h w 3"],
        key: Key[Array, ""] | None,
        stands_for: int | None = None,
    ) -> Outputs:
        """Returns logits and features; see `create`."""
        features = self.tokens(video, key, stands_for).mean((1, 2, 3))

        k_head = fold(key, len(self.config.depths))
        dropped = drop(features, self.config.head_dropout, k_head, per_clip=False)
        return Outputs(self.head(dropped), features)

    def tokens(
        self,
        video: Float[Array, "b t h w 3"],
        key: Key[Array, ""] | None,
        stands_for: int | None = None,
    ) -> Float[Array, "b t h w d"]:
        """Returns the normalised final tokens; their mean is the features."""
        still_length = None
        if stands_for is not None:
            still_length = math.ceil(stands_for / self.config.patch_size[0])

        x = call_recomputed(self.patch_embed, self.config.remat, video)
        for i in range(len(self.config.depths)):
            x = self.stages[str(i)](x, fold(key, i), still_length)
        return self.norm(x)


def random_params(shapes: Params, key: Key[Array, ""]) -> Params:
    """Draws initial parameters.

    Biases are 0, scales 1, position biases normal with standard deviation 0.02, and kernels normal
    with standard deviation 1 / sqrt(fan in). torchvision uses 0.02 for kernels; training from
    scratch then learns motion much later.

    Args:
      shapes: parameter tree with shapes for leaves.
      key: random key.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(shapes)
    ends = np.cumsum([math.prod(leaf.shape) for _, leaf in leaves])
    # One draw for all parameters: compiling a random generator per shape takes seconds.
    drawn = jax.random.truncated_normal(key, -2, 2, (ends[-1],), jnp.float32)
    noise = drawn / TRUNCATED_NORMAL_SD

    params = []
    for (path, leaf), end in zip(leaves, ends, strict=True):
        normal = noise[end - math.prod(leaf.shape) : end].reshape(leaf.shape)
        match path[-1].key:
            case "kernel":
                values = normal / math.sqrt(leaf.shape[0])
            case "position_bias":
                values = 0.02 * normal
            case "scale":
                values = jnp.ones(leaf.shape)
            case "bias":
                values = jnp.zeros(leaf.shape)
        params.append(values.astype(leaf.dtype))

    return jax.tree.unflatten(tree, params)


def create(config: VideoSwinConfig, key: Key[Array, ""]) -> tuple[Apply, Params]:
    """Returns a Video Swin as a pure function, and its random parameters.

    Args:
      config: architecture of the network.
      key: random key of the parameters.

    Returns:
      `apply(params, video, key, stands_for=None) -> Outputs` and the parameters. `video` is a
      normalized float array (b, t, h, w, 3) of any size. Key None selects evaluation: no stochastic
      depth, no dropout. `params` is a nested dict of float32 arrays with string keys. `stands_for`
      is explained in `types.Apply`; see `folding`.
    """
    graph, shapes = nnx.split(nnx.eval_shape(lambda: VideoSwin(config, nnx.Rngs(0))))

    def apply(
        params: Params,
        video: Float[Array, "b t h w 3"],
        key: Key[Array, ""] | None,
        stands_for: int | None = None,
    ) -> Outputs:
        return nnx.merge(graph, params)(video, key, stands_for)

    # Compiled, because drawing parameter by parameter is slow.
    draw = jax.jit(functools.partial(random_params, nnx.to_pure_dict(shapes)))
    return apply, draw(key)
