"""ResNet for images as a pure function of its weights. (arXiv 1512.03385)

Results match torchvision's `ResNet`: its padding, the stride in the 3x3 convolution of a bottleneck
("v1.5"), its initial weights, and batch norms with an unbiased running variance.
"""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Key

from albar_jax.models.config import ResNetConfig
from albar_jax.models.layers import drop
from albar_jax.parallel.global_batch import global_moments
from albar_jax.types import BATCH_STATS, Apply, Outputs, Params

BATCH_NORM_EPSILON = 1e-5
# Weight of the newest batch in the running mean and variance.
BATCH_NORM_MOMENTUM = 0.1

Maps = Float[Array, "n h w c"]


class Conv(nnx.Module):
    """A square convolution without a bias, padded so that stride 1 keeps the size."""

    def __init__(
        self, config: ResNetConfig, size: int, inputs: int, outputs: int, *, stride: int = 1
    ):
        self.dtype = jnp.dtype(config.dtype)
        self.stride = stride
        self.padding = size // 2
        self.kernel = nnx.Param(jnp.zeros((size, size, inputs, outputs), config.exact_dtype))

    def __call__(self, x: Maps) -> Maps:
        """Convolves in the compute dtype."""
        return jax.lax.conv_general_dilated(
            x.astype(self.dtype),
            self.kernel[...].astype(self.dtype),
            (self.stride, self.stride),
            [(self.padding, self.padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )


class BatchNorm(nnx.Module):
    """Batch norm with torch's statistics.

    The biased variance normalizes the batch, while the running variance averages unbiased ones.
    """

    def __init__(self, config: ResNetConfig, width: int):
        self.exact = config.exact_dtype
        self.scale = nnx.Param(jnp.ones(width, self.exact))
        self.bias = nnx.Param(jnp.zeros(width, self.exact))
        self.mean = nnx.BatchStat(jnp.zeros(width, self.exact))
        self.var = nnx.BatchStat(jnp.ones(width, self.exact))

    def __call__(self, x: Maps, *, training: bool) -> Maps:
        """Normalizes x and returns it in its own dtype.

        Args:
          x: feature maps of the local clips.
          training: whether to normalize by the global batch and to update the running statistics.
            Otherwise the running statistics normalize.
        """
        exact = x.astype(self.exact)
        mean, var = self.mean[...], self.var[...]
        if training:
            # torch's running variance is the unbiased one, which divides by count - 1.
            mean, var, count = global_moments(exact)
            self._update(self.mean, mean)
            self._update(self.var, var * (count / max(count - 1, 1)))

        centred = exact - mean
        scale = jax.lax.rsqrt(var + BATCH_NORM_EPSILON) * self.scale[...]
        return (centred * scale + self.bias[...]).astype(x.dtype)

    @staticmethod
    def _update(running: nnx.BatchStat, newest: Float[Array, " c"]) -> None:
        # No loss may differentiate through the running statistics.
        newest = jax.lax.stop_gradient(newest)
        running.set_value((1 - BATCH_NORM_MOMENTUM) * running[...] + BATCH_NORM_MOMENTUM * newest)


class Block(nnx.Module):
    """A residual block: two 3x3 convolutions, or a bottleneck of 1x1, 3x3 and 1x1."""

    def __init__(self, config: ResNetConfig, stage: int, index: int):
        width = config.width(stage)
        outputs = config.width_after(stage)
        inputs = outputs if index else config.width_after(stage - 1)
        stride = 2 if stage and not index else 1
        # Size, inputs, outputs and stride of each convolution.
        if config.bottleneck:
            shapes = [(1, inputs, width, 1), (3, width, width, stride), (1, width, outputs, 1)]
        else:
            shapes = [(3, inputs, width, stride), (3, width, outputs, 1)]

        # String keys make weights the same tree in memory, in a checkpoint and in JSON.
        self.count = len(shapes)
        self.convs = nnx.Dict()
        self.norms = nnx.Dict()
        for i, (size, narrow, wide, step) in enumerate(shapes):
            self.convs[str(i)] = Conv(config, size, narrow, wide, stride=step)
            self.norms[str(i)] = BatchNorm(config, wide)

        is_same = inputs == outputs and stride == 1
        self.shortcut = None if is_same else Conv(config, 1, inputs, outputs, stride=stride)
        self.shortcut_norm = None if is_same else BatchNorm(config, outputs)

    def __call__(self, x: Maps, *, training: bool) -> Maps:
        """Applies the block, with a ReLU after the addition."""
        y = x
        for i in range(self.count):
            y = self.norms[str(i)](self.convs[str(i)](y), training=training)
            if i + 1 < self.count:
                y = jax.nn.relu(y)

        if self.shortcut is not None and self.shortcut_norm is not None:
            x = self.shortcut_norm(self.shortcut(x), training=training)
        return jax.nn.relu(y + x)


class ResNet(nnx.Module):
    """Stem, stages, mean over space and frames, and a linear head."""

    def __init__(self, config: ResNetConfig):
        self.config = config
        exact = config.exact_dtype
        self.stem = Conv(config, 7, 3, config.stem_width, stride=2)
        self.stem_norm = BatchNorm(config, config.stem_width)
        self.stages = nnx.Dict()
        for i, depth in enumerate(config.depths):
            self.stages[str(i)] = nnx.Dict({str(j): Block(config, i, j) for j in range(depth)})
        self.head = nnx.Linear(
            config.feature_width,
            config.num_classes,
            dtype=exact,
            param_dtype=exact,
            rngs=nnx.Rngs(0),
        )

    def __call__(self, video: Float[Array, "b t h w 3"], key: Key[Array, ""] | None) -> Outputs:
        """Returns logits and features; see `create`."""
        b, t = video.shape[:2]
        pooled = self.maps(video, training=key is not None).mean((1, 2))
        # The head is linear: the logits of the mean features are the mean of the frames' logits.
        features = pooled.reshape(b, t, -1).mean(1)
        dropped = drop(features, self.config.head_dropout, key, per_clip=False)
        return Outputs(self.head(dropped), features)

    def maps(self, video: Float[Array, "b t h w 3"], *, training: bool) -> Maps:
        """Returns the final feature maps of all frames, (b t, h, w, c)."""
        b, t, *image = video.shape
        x = self.stem(video.reshape(b * t, *image))
        x = _max_pool(jax.nn.relu(self.stem_norm(x, training=training)))
        for i, depth in enumerate(self.config.depths):
            for j in range(depth):
                x = self.stages[str(i)][str(j)](x, training=training)
        return x.astype(self.config.exact_dtype)


def _max_pool(x: Maps) -> Maps:
    """Pools windows of 3 x 3 with stride 2.

    x is never negative, so padding with 0 gives the same maximum as padding with -inf.
    """
    padding = [(1, 1), (1, 1)]
    # Flax has no annotations here; pyright takes the type of the default, a string.
    return nnx.max_pool(x, (3, 3), (2, 2), padding)  # pyright: ignore[reportArgumentType]


def random_params(shapes: Params, key: Key[Array, ""]) -> Params:
    """Draws initial parameters as torchvision does.

    Kernels are normal with variance 2 / fan out, scales 1 and biases 0. The head is uniform within
    1 / sqrt(features).

    Args:
      shapes: parameter tree with shapes for leaves.
      key: random key.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(shapes)
    ends = np.cumsum([math.prod(leaf.shape) for _, leaf in leaves])
    k_normal, k_head = jax.random.split(key)
    # One draw for all parameters: compiling a random generator per shape takes seconds.
    noise = jax.random.normal(k_normal, (ends[-1],), jnp.float32)
    uniform = jax.random.uniform(k_head, (ends[-1],), jnp.float32, -1, 1)
    bound = math.sqrt(shapes["head"]["kernel"].shape[0])

    params = []
    for (path, leaf), end in zip(leaves, ends, strict=True):
        span = slice(end - math.prod(leaf.shape), end)
        match path[0].key, path[-1].key:
            case "head", _:
                values = uniform[span].reshape(leaf.shape) / bound
            case _, "kernel":
                height, width, _, outputs = leaf.shape
                variance = 2 / (height * width * outputs)
                values = noise[span].reshape(leaf.shape) * math.sqrt(variance)
            case _, "scale":
                values = jnp.ones(leaf.shape)
            case _, "bias":
                values = jnp.zeros(leaf.shape)
        params.append(values.astype(leaf.dtype))

    return jax.tree.unflatten(tree, params)


def create(config: ResNetConfig, key: Key[Array, ""]) -> tuple[Apply, Params]:
    """Returns a ResNet as a pure function, and its random weights.

    Args:
      config: architecture of the network.
      key: random key of the weights.

    Returns:
      `apply(weights, video, key) -> Outputs` and the weights. `video` is a normalized float array
      (b, t, h, w, 3) of any size. t is usually 1; the network reads each frame as an image of its
      own and averages features and logits over frames. `weights` is a nested dict of float32 arrays
      with string keys: parameters and, under BATCH_STATS, running means and variances.

      Key None selects evaluation with the running statistics. With a key, batch norms use all
      images of the global batch, unreadable ones included. `Outputs.batch_stats` then has the
      updated running statistics.
    """
    graph, shapes, stats = nnx.split(
        nnx.eval_shape(lambda: ResNet(config)), nnx.Param, nnx.BatchStat
    )

    def apply(
        weights: Params,
        video: Float[Array, "b t h w 3"],
        key: Key[Array, ""] | None,
        stands_for: int | None = None,
    ) -> Outputs:
        # Frames do not interact, so a short still gives the outputs of a long one as it is.
        del stands_for
        params = {name: value for name, value in weights.items() if name != BATCH_STATS}
        # The merged module has its own variables, so the given statistics are never written.
        model = nnx.merge(graph, params, weights[BATCH_STATS])
        outputs = model(video, key)
        if key is None:
            return outputs

        updated = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
        return dataclasses.replace(outputs, batch_stats={BATCH_STATS: updated})

    draw = jax.jit(functools.partial(random_params, nnx.to_pure_dict(shapes)))
    return apply, draw(key) | {BATCH_STATS: _initial_stats(nnx.to_pure_dict(stats))}


def _initial_stats(shapes: Params) -> Params:
    """Returns running means of 0 and running variances of 1."""

    def initial(path: tuple, leaf: jax.ShapeDtypeStruct) -> Array:
        if path[-1].key == "var":
            return jnp.ones(leaf.shape, leaf.dtype)
        return jnp.zeros(leaf.shape, leaf.dtype)

    return jax.tree_util.tree_map_with_path(initial, shapes)
