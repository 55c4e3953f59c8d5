"""ResNet for pictures as a pure function of its weights. (arXiv 1512.03385)

The numbers are those of torchvision's `ResNet`: its padding, the stride in the 3x3 convolution of a bottleneck
("v1.5"), its initial weights, and batch norms whose running variance is the unbiased one.
"""

import dataclasses
import functools
import math
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Key

from albar_jax.errors import UserError
from albar_jax.parallel.global_batch import draw_for_clips, global_moments
from albar_jax.types import BATCH_STATS, Apply, Outputs, Params

BATCH_NORM_EPSILON = 1e-5
BATCH_NORM_MOMENTUM = 0.1  # the weight of the newest batch in the running statistics
EXPANSION = 4  # what a bottleneck widens to, in widths of its stage

Maps = Float[Array, "n h w c"]


@dataclasses.dataclass(frozen=True)
class ResNetConfig:
    """The architecture of a ResNet.

    `depths` are the blocks of each stage, `bottleneck` says of which of the two kinds, and `stem_width` are the
    channels of the stem and of the first stage. `dtype` is what is convolved in; parameters, batch norms, pooled
    features and logits are float32 at least. float64 is for numerical checks and needs `jax_enable_x64`. Raises
    UserError for sizes that make no network.
    """

    # The fields that weights are made for; the others are choices of a training, but for num_classes.
    architecture: ClassVar[tuple[str, ...]] = ("depths", "bottleneck", "stem_width")

    depths: tuple[int, ...]
    bottleneck: bool
    stem_width: int = 64
    num_classes: int = 1000
    head_dropout: float = 0.0
    dtype: Literal["float32", "bfloat16", "float64"] = "float32"

    def __post_init__(self):
        object.__setattr__(self, "depths", tuple(self.depths))  # lists come from JSON; tuples hash
        if not self.depths or min(self.depths) < 1:
            raise UserError(f"model: depths is {self.depths}, but takes whole numbers from 1.")
        for name in ("stem_width", "num_classes"):
            if getattr(self, name) < 1:
                raise UserError(f"model: {name} is {getattr(self, name)}, but is at least 1.")
        if not 0 <= self.head_dropout < 1:
            raise UserError(
                f"model: head_dropout is {self.head_dropout}, but a rate is at least 0 and below 1."
            )
        if self.dtype not in ("float32", "bfloat16", "float64"):
            raise UserError(f"model: dtype is {self.dtype!r}; choose float32 or bfloat16.")

    def width(self, stage: int) -> int:
        """Returns the number of channels between the convolutions of a stage."""
        return self.stem_width * 2**stage

    def width_after(self, stage: int) -> int:
        """Returns the number of channels that a stage puts out; stage -1 is the stem."""
        return (
            self.stem_width
            if stage < 0
            else self.width(stage) * (EXPANSION if self.bottleneck else 1)
        )

    @property
    def feature_width(self) -> int:
        """Channels of `Outputs.features`."""
        return self.width_after(len(self.depths) - 1)

    @property
    def exact_dtype(self) -> jnp.dtype:
        """What batch norms and the head are computed in, and what parameters are stored in."""
        return jnp.promote_types(self.dtype, jnp.float32)


class Conv(nnx.Module):
    """A square convolution without a bias, padded so that stride 1 keeps the size."""

    def __init__(
        self, config: ResNetConfig, size: int, inputs: int, outputs: int, *, stride: int = 1
    ):
        self.dtype, self.stride, self.padding = jnp.dtype(config.dtype), stride, size // 2
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
    """Batch norm as torch counts along: with the unbiased variance, while it divides by the biased one."""

    def __init__(self, config: ResNetConfig, width: int):
        self.exact = config.exact_dtype
        self.scale = nnx.Param(jnp.ones(width, self.exact))
        self.bias = nnx.Param(jnp.zeros(width, self.exact))
        self.mean = nnx.BatchStat(jnp.zeros(width, self.exact))
        self.var = nnx.BatchStat(jnp.ones(width, self.exact))

    def __call__(self, x: Maps, *, training: bool) -> Maps:
        """Normalises by the batch, and counts it along, or else by the running statistics; same dtype out as in."""
        exact = x.astype(self.exact)
        mean, var = self.mean[...], self.var[...]
        if training:
            mean, var, count = global_moments(exact)
            self._count_along(self.mean, mean)
            self._count_along(self.var, var * (count / max(count - 1, 1)))
        normal = (exact - mean) * (
            jax.lax.rsqrt(var + BATCH_NORM_EPSILON) * self.scale[...]
        ) + self.bias[...]
        return normal.astype(x.dtype)

    @staticmethod
    def _count_along(running: nnx.BatchStat, newest: Float[Array, " c"]) -> None:
        # Nothing is learned through the running statistics, whatever derivatives a loss takes.
        newest = jax.lax.stop_gradient(newest)
        running.set_value((1 - BATCH_NORM_MOMENTUM) * running[...] + BATCH_NORM_MOMENTUM * newest)


class Block(nnx.Module):
    """Two 3x3 convolutions, or a bottleneck of 1x1, 3x3 and 1x1, added to a shortcut."""

    def __init__(self, config: ResNetConfig, stage: int, index: int):
        width, outputs = config.width(stage), config.width_after(stage)
        inputs = outputs if index else config.width_after(stage - 1)
        stride = 2 if stage and not index else 1
        if config.bottleneck:
            shapes = [(1, inputs, width, 1), (3, width, width, stride), (1, width, outputs, 1)]
        else:
            shapes = [(3, inputs, width, stride), (3, width, outputs, 1)]
        self.count = len(shapes)
        self.convs, self.norms = (
            nnx.Dict(),
            nnx.Dict(),
        )  # string keys, so that weights are the same tree in JSON
        for i, (size, narrow, wide, step) in enumerate(shapes):
            self.convs[str(i)] = Conv(config, size, narrow, wide, stride=step)
            self.norms[str(i)] = BatchNorm(config, wide)
        is_same = inputs == outputs and stride == 1
        self.shortcut = None if is_same else Conv(config, 1, inputs, outputs, stride=stride)
        self.shortcut_norm = None if is_same else BatchNorm(config, outputs)

    def __call__(self, x: Maps, *, training: bool) -> Maps:
        """Ends with a ReLU, after the addition."""
        y = x
        for i in range(self.count):
            y = self.norms[str(i)](self.convs[str(i)](y), training=training)
            y = jax.nn.relu(y) if i + 1 < self.count else y
        short = (
            x if self.shortcut is None else self.shortcut_norm(self.shortcut(x), training=training)
        )
        return jax.nn.relu(y + short)


class ResNet(nnx.Module):
    """Stem, stages, mean over space, linear head."""

    def __init__(self, config: ResNetConfig):
        self.config, exact = config, config.exact_dtype
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
        """See `create`."""
        b, t, *picture = video.shape
        training = key is not None
        x = self.stem(video.reshape(b * t, *picture))
        x = _max_pool(jax.nn.relu(self.stem_norm(x, training=training)))
        for i, depth in enumerate(self.config.depths):
            for j in range(depth):
                x = self.stages[str(i)][str(j)](x, training=training)
        features = x.astype(self.config.exact_dtype).mean((1, 2)).reshape(b, t, -1).mean(1)
        # The head is linear: the logits of the mean features are the mean of the frames' logits.
        return Outputs(self.head(_dropped(features, self.config.head_dropout, key)), features)


def _max_pool(x: Maps) -> Maps:
    """Windows of 3 at a stride of 2; x is at least 0, so that padding with zeros is as good as with -inf."""
    return nnx.max_pool(x, (3, 3), (2, 2), [(1, 1), (1, 1)])


def _dropped(
    x: Float[Array, "b d"], rate: float, key: Key[Array, ""] | None
) -> Float[Array, "b d"]:
    if key is None or rate == 0:
        return x
    keep = draw_for_clips(
        lambda n: jax.random.bernoulli(key, 1 - rate, (n, *x.shape[1:])), x.shape[0]
    )
    return jnp.where(keep, x / (1 - rate), 0)


def random_params(shapes: Params, key: Key[Array, ""]) -> Params:
    """Draws initial parameters as torchvision does: kernels of variance 2 / fan out, unit scales, a uniform head.

    All are drawn at once and then cut up, because compiling a random generator for every shape takes seconds.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(shapes)
    sizes = [math.prod(leaf.shape) for _, leaf in leaves]
    k_normal, k_head = jax.random.split(key)
    noise = jax.random.normal(k_normal, (sum(sizes),), jnp.float32)
    uniform = jax.random.uniform(k_head, (sum(sizes),), jnp.float32, -1, 1)
    bound = math.sqrt(shapes["head"]["kernel"].shape[0])
    params = []
    for (path, leaf), end in zip(leaves, np.cumsum(sizes), strict=True):
        part = slice(end - math.prod(leaf.shape), end)
        match path[0].key, path[-1].key:
            case "head", _:
                params.append(uniform[part] / bound)
            case _, "kernel":
                height, width, _, outputs = leaf.shape
                params.append(noise[part] * math.sqrt(2 / (height * width * outputs)))
            case _, "scale":
                params.append(jnp.ones(leaf.shape))
            case _, "bias":
                params.append(jnp.zeros(leaf.shape))
    return jax.tree.unflatten(
        tree,
        [
            x.reshape(leaf.shape).astype(leaf.dtype)
            for x, (_, leaf) in zip(params, leaves, strict=True)
        ],
    )


def create(config: ResNetConfig, key: Key[Array, ""]) -> tuple[Apply, Params]:
    """Returns a model as a pure function and its random weights.

    `apply(weights, video, key)` takes normalised float pictures as clips (b, t, h, w, 3) of any size, where t is
    usually 1; of several frames, each is a picture of its own, and features and logits are averaged over them.
    `weights` is a plain nested dict of float32 arrays whose keys are strings: the parameters, and under BATCH_STATS the
    running statistics. Key None means evaluation: these are used. With a key the statistics of the batch are used (of
    all its pictures on all devices, unreadable ones too), and `Outputs.running` has those after it, under BATCH_STATS.
    """
    graph, shapes, running = nnx.split(
        nnx.eval_shape(lambda: ResNet(config)), nnx.Param, nnx.BatchStat
    )

    def apply(
        weights: Params, video: Float[Array, "b t h w 3"], key: Key[Array, ""] | None
    ) -> Outputs:
        params = {name: value for name, value in weights.items() if name != BATCH_STATS}
        model = nnx.merge(graph, params, weights[BATCH_STATS])
        outputs = model(video, key)
        if key is None:
            return outputs
        return dataclasses.replace(
            outputs, running={BATCH_STATS: nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))}
        )

    params = jax.jit(functools.partial(random_params, nnx.to_pure_dict(shapes)))(key)
    return apply, params | {BATCH_STATS: _first_statistics(nnx.to_pure_dict(running))}


def _first_statistics(shapes: Params) -> Params:
    """Means of 0 and variances of 1."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: (jnp.ones if path[-1].key == "var" else jnp.zeros)(
            leaf.shape, leaf.dtype
        ),
        shapes,
    )
