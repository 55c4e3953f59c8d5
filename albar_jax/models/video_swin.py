"""Video Swin Transformer as a pure function of its parameters. (arXiv 2106.13230)

The numbers are those of torchvision's `SwinTransformer3d`: same padding, windows, shifts, masks and epsilons.
"""

import dataclasses
import functools
import math
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from albar_jax.errors import UserError
from albar_jax.models import recompute, windows
from albar_jax.parallel.global_batch import draw_for_clips
from albar_jax.types import Apply, Outputs, Params

MLP_RATIO = 4
Tokens = Float[Array, "b t h w c"]

LAYER_NORM_EPSILON = 1e-5
# Recomputed attention takes so many heads at a time, in whole windows: little memory, and enough to fill a device.
HEADS_A_TURN = 24
TRUNCATED_NORMAL_SD = 0.87962566  # of a standard normal cut at -2 and 2


@dataclasses.dataclass(frozen=True)
class VideoSwinConfig:
    """The architecture of a Video Swin.

    `dtype` is what matrices are multiplied in; parameters, layer norms, softmax, pooled features and logits are
    float32 at least. float64 is for numerical checks and needs `jax_enable_x64`. With `remat` each block is
    recomputed in the backward pass (and patches and their merging, too) instead of storing its activations, of
    which "dots" keeps what matrix products with parameters gave, and attention takes a few windows at a time.
    `for_cpu` computes the same in ways that are faster with XLA:CPU, but take more memory on a TPU. Raises
    UserError for sizes that do not fit together.
    """

    # The fields that weights are made for; the others are choices of a training, but for num_classes.
    architecture: ClassVar[tuple[str, ...]] = (
        "patch_size",
        "embed_dim",
        "depths",
        "num_heads",
        "window_size",
    )

    embed_dim: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    patch_size: tuple[int, int, int] = (2, 4, 4)
    window_size: tuple[int, int, int] = (8, 7, 7)
    num_classes: int = 400
    drop_path_rate: float = 0.1
    head_dropout: float = 0.0
    dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    remat: Literal["none", "full", "dots"] = "none"
    for_cpu: bool = False

    def __post_init__(self):
        for name in ("depths", "num_heads", "patch_size", "window_size"):
            sizes = tuple(getattr(self, name))
            object.__setattr__(self, name, sizes)  # lists come from JSON; tuples hash
            if not sizes or min(sizes) < 1:
                raise UserError(f"model: {name} is {sizes}, but takes whole numbers from 1.")
        for name in ("patch_size", "window_size"):
            if len(getattr(self, name)) != 3:
                raise UserError(
                    f"model: {name} is {getattr(self, name)}, but takes 3 numbers: time, height, width."
                )
        if len(self.depths) != len(self.num_heads):
            raise UserError(
                f"model: depths {self.depths} and num_heads {self.num_heads} differ in their number of stages."
            )
        for stage, heads in enumerate(self.num_heads):
            if self.width(stage) % heads:
                raise UserError(
                    f"model: stage {stage} is {self.width(stage)} wide, which {heads} heads do not divide."
                )
        if self.num_classes < 1:
            raise UserError(
                f"model: num_classes is {self.num_classes}, but a classifier needs at least 1."
            )
        for name in ("drop_path_rate", "head_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(
                    f"model: {name} is {getattr(self, name)}, but a rate is at least 0 and below 1."
                )
        if self.remat not in ("none", *recompute.SAVED):
            raise UserError(f"model: remat is {self.remat!r}; choose none, full or dots")
        if self.dtype not in ("float32", "bfloat16", "float64"):
            raise UserError(f"model: dtype is {self.dtype!r}; choose float32 or bfloat16.")

    def width(self, stage: int) -> int:
        """Returns the number of channels of a stage."""
        return self.embed_dim * 2**stage

    @property
    def feature_width(self) -> int:
        """The number of pooled features."""
        return self.width(len(self.depths) - 1)

    @property
    def exact_dtype(self) -> jnp.dtype:
        """What layer norms, softmax and the head are computed in, and what parameters are stored in."""
        return jnp.promote_types(self.dtype, jnp.float32)


class JoinedLinear(nnx.Linear):
    """A linear layer to which all axes but the last are one."""

    def __call__(self, x: Float[Array, "*n c"]) -> Float[Array, "*n d"]:
        """Joins them, as XLA:CPU makes a copy of what a kernel's gradient is summed over where it is several axes."""
        return super().__call__(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)


def linear(
    config: VideoSwinConfig, inputs: int, outputs: int, rngs: nnx.Rngs, **options
) -> nnx.Linear:
    """Returns a linear layer that multiplies in the compute dtype."""
    options = {"dtype": config.dtype, "param_dtype": config.exact_dtype} | options
    return (JoinedLinear if config.for_cpu else nnx.Linear)(inputs, outputs, rngs=rngs, **options)


def layer_norm(config: VideoSwinConfig, width: int, rngs: nnx.Rngs, **options) -> nnx.LayerNorm:
    """Returns a layer norm with torch's epsilon, computed in at least float32 and returned in the compute dtype."""
    options = {"dtype": config.dtype, "param_dtype": config.exact_dtype} | options
    return nnx.LayerNorm(
        width, epsilon=LAYER_NORM_EPSILON, use_fast_variance=False, rngs=rngs, **options
    )


def drop(
    x: Float[Array, "b ..."], rate: float, key: Key[Array, ""] | None, *, per_clip: bool
) -> Float[Array, "b ..."]:
    """Zeroes entries of x, or with `per_clip` whole clips, with probability `rate`, keeping the expectation."""
    if key is None or rate == 0:
        return x
    shape = (1,) * (x.ndim - 1) if per_clip else x.shape[1:]
    keep = draw_for_clips(lambda n: jax.random.bernoulli(key, 1 - rate, (n, *shape)), x.shape[0])
    return jnp.where(keep, x / (1 - rate), 0)


class PatchEmbed(nnx.Module):
    """Cuts the video into patches and projects each."""

    def __init__(self, config: VideoSwinConfig, rngs: nnx.Rngs):
        self.patch = config.patch_size
        # Patches do not overlap, so the convolution is one matrix product, which is faster on CPU.
        self.proj = linear(config, 3 * math.prod(self.patch), config.embed_dim, rngs)
        self.norm = layer_norm(config, config.embed_dim, rngs)

    def __call__(self, video: Float[Array, "b t h w 3"]) -> Float[Array, "b t2 h2 w2 c"]:
        """Pads with zeros to whole patches."""
        video = jnp.pad(video, windows.padding(video.shape[1:4], self.patch))
        b, *size, _ = video.shape
        (t, h, w), (pt, ph, pw) = (
            (n // p for n, p in zip(size, self.patch, strict=True)),
            self.patch,
        )
        # Columns are taken by strides, as an array that ends in (w, pw, 3) takes 30 times its bytes on a TPU.
        columns = jnp.concatenate([video[:, :, :, i::pw] for i in range(pw)], axis=-1)
        x = columns.reshape(b, t, pt, h, ph, w, pw * 3).transpose(0, 1, 3, 5, 2, 4, 6)
        return self.norm(self.proj(x.reshape(b, t, h, w, -1)))


def divide_first(
    scores: Float[Array, "*n v v"], values: Float[Array, "*n v d"]
) -> Float[Array, "*n v d"]:
    """Softmax of the scores times the values."""
    return jax.nn.softmax(scores).astype(values.dtype) @ values


def divide_last(
    scores: Float[Array, "*n v v"], values: Float[Array, "*n v d"]
) -> Float[Array, "*n v d"]:
    """The same, divided by the softmax's sum at the end: XLA:CPU then goes over v x d entries, not v x v."""
    weights = jnp.exp(scores - jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True)))
    return (
        (weights.astype(values.dtype) @ values) / jnp.sum(weights, axis=-1, keepdims=True)
    ).astype(values.dtype)


class Attention(nnx.Module):
    """Multi-head attention within windows, shifted by half a window in every second block."""

    def __init__(self, config: VideoSwinConfig, stage: int, shifted: bool, rngs: nnx.Rngs):
        width, self.heads = config.width(stage), config.num_heads[stage]
        self.config, self.shifted = config, shifted
        self.qkv = linear(config, width, 3 * width, rngs)
        self.proj = linear(config, width, width, rngs)
        offsets = math.prod(2 * w - 1 for w in config.window_size)
        self.position_bias = nnx.Param(jnp.zeros((offsets, self.heads), config.exact_dtype))

    def __call__(self, x: Tokens) -> Tokens:
        """Pads with zeros to whole windows; padding is attended to like any token, as in the reference."""
        size = x.shape[1:4]
        window, shift = windows.fit(size, self.config.window_size, self.shifted)
        x = jnp.pad(x, windows.padding(size, window))
        padded = x.shape[1:4]
        x = jnp.roll(x, [-s for s in shift], (1, 2, 3)) if any(shift) else x
        region = (
            jnp.asarray(windows.regions(padded, window, shift))[:, None, None]
            if any(shift)
            else None
        )
        attend = functools.partial(self.attend, self.bias(window))
        if self.config.remat != "none":
            attend = recompute.some_at_a_time(attend, at_most=max(1, HEADS_A_TURN // self.heads))
        x = windows.join(attend(windows.split(x, window), region), padded, window)
        x = jnp.roll(x, shift, (1, 2, 3)) if any(shift) else x
        return x[:, : size[0], : size[1], : size[2]]

    def attend(
        self,
        bias: Float[Array, "heads v v"],
        x: Float[Array, "windows b v c"],
        region: Int[Array, "windows 1 1 v"] | None,
    ) -> Float[Array, "windows b v c"]:
        """Attention within each window, between tokens of the same region."""
        qkv = self.qkv(x).reshape(*x.shape[:-1], 3, self.heads, -1)
        q, k, v = qkv.transpose(3, 0, 1, 4, 2, 5)
        scores = (
            jnp.matmul(
                q * q.shape[-1] ** -0.5, k.mT, preferred_element_type=self.config.exact_dtype
            )
            + bias
        )
        if region is not None:
            scores = scores + jnp.where(
                region[..., None] != region[..., None, :], windows.MASKED_SCORE, 0.0
            )
        heads = (divide_last if self.config.for_cpu else divide_first)(scores, v)
        return self.proj(heads.swapaxes(2, 3).reshape(x.shape))

    def bias(self, window: windows.Size) -> Float[Array, "heads v v"]:
        """Looks up the learned bias of each pair of tokens of a window."""
        index = windows.relative_index(self.config.window_size, window)
        return self.position_bias[...].T[:, index]


class Mlp(nnx.Module):
    """Two linear layers and a GELU."""

    def __init__(self, config: VideoSwinConfig, width: int, rngs: nnx.Rngs):
        self.fc1 = linear(config, width, MLP_RATIO * width, rngs)
        self.fc2 = linear(config, MLP_RATIO * width, width, rngs)

    def __call__(self, x: Tokens) -> Tokens:
        """Uses the exact GELU, not the tanh approximation."""
        return self.fc2(jax.nn.gelu(self.fc1(x), approximate=False))


class Block(nnx.Module):
    """Pre-norm attention and MLP, each with its own stochastic depth per clip."""

    def __init__(
        self, config: VideoSwinConfig, stage: int, index: int, drop_rate: float, rngs: nnx.Rngs
    ):
        self.drop_rate = drop_rate
        self.norm1 = layer_norm(config, config.width(stage), rngs)
        self.attention = Attention(config, stage, shifted=index % 2 == 1, rngs=rngs)
        self.norm2 = layer_norm(config, config.width(stage), rngs)
        self.mlp = Mlp(config, config.width(stage), rngs)

    def __call__(self, x: Tokens, key: Key[Array, ""] | None) -> Tokens:
        """Adds both branches to x."""
        k_attention, k_mlp = (None, None) if key is None else jax.random.split(key)
        x = x + drop(self.attention(self.norm1(x)), self.drop_rate, k_attention, per_clip=True)
        return x + drop(self.mlp(self.norm2(x)), self.drop_rate, k_mlp, per_clip=True)


class PatchMerge(nnx.Module):
    """Joins 2 x 2 neighbours in space."""

    def __init__(self, config: VideoSwinConfig, stage: int, rngs: nnx.Rngs):
        width = config.width(stage)
        self.norm = layer_norm(config, 4 * width, rngs)
        self.reduction = linear(config, 4 * width, 2 * width, rngs, use_bias=False)

    def __call__(self, x: Tokens) -> Float[Array, "b t h2 w2 c2"]:
        """Pads with zeros to an even height and width."""
        x = jnp.pad(x, windows.padding(x.shape[1:4], (1, 2, 2)))
        b, t, h, w, c = x.shape
        # The reference's order of neighbours is (h0 w0, h1 w0, h0 w1, h1 w1): w outside, h inside.
        x = x.reshape(b, t, h // 2, 2, w // 2, 2, c).transpose(0, 1, 2, 4, 5, 3, 6)
        return self.reduction(self.norm(x.reshape(b, t, h // 2, w // 2, 4 * c)))


class Stage(nnx.Module):
    """Blocks of one resolution, and the merge that leads to the next (none after the last)."""

    def __init__(self, config: VideoSwinConfig, stage: int, rngs: nnx.Rngs):
        self.depth, self.remat = config.depths[stage], config.remat
        before, last = sum(config.depths[:stage]), max(sum(config.depths) - 1, 1)
        # String keys, so that parameters are the same tree in memory, in a checkpoint and in JSON.
        self.blocks = nnx.Dict()
        for i in range(self.depth):
            drop_rate = config.drop_path_rate * (before + i) / last
            self.blocks[str(i)] = Block(config, stage, i, drop_rate, rngs)
        self.merge = PatchMerge(config, stage, rngs) if stage + 1 < len(config.depths) else None

    def __call__(self, x: Tokens, key: Key[Array, ""] | None) -> Float[Array, "b t h2 w2 c2"]:
        """Gives every block a key of its own."""
        for i in range(self.depth):
            k_block = None if key is None else jax.random.fold_in(key, i)
            x = rematerialised(self.blocks[str(i)], self.remat, x, k_block)
        return x if self.merge is None else rematerialised(self.merge, self.remat, x)


def rematerialised(module: nnx.Module, remat: str, *inputs: Array | None) -> Array:
    """Runs a module whose backward pass finds what `remat` says: all it needs, or its inputs and little else.

    Split here because `nnx.remat` does not work under a gradient within a gradient, as the penalty takes one.
    """
    if remat == "none":
        return module(*inputs)
    graph, params = nnx.split(module)
    run = recompute.recomputed(
        lambda params, *inputs: nnx.merge(graph, params)(*inputs), recompute.SAVED[remat]
    )
    return run(params, *inputs)


class VideoSwin(nnx.Module):
    """Patches, stages, mean over time and space, linear head."""

    def __init__(self, config: VideoSwinConfig, rngs: nnx.Rngs):
        self.config = config
        width, exact = config.feature_width, config.exact_dtype
        self.patch_embed = PatchEmbed(config, rngs)
        self.stages = nnx.Dict({str(i): Stage(config, i, rngs) for i in range(len(config.depths))})
        self.norm = layer_norm(config, width, rngs, dtype=exact)
        self.head = linear(config, width, config.num_classes, rngs, dtype=exact)

    def __call__(self, video: Float[Array, "b t h w 3"], key: Key[Array, ""] | None) -> Outputs:
        """See `create`."""
        x = rematerialised(self.patch_embed, self.config.remat, video)
        for i in range(len(self.config.depths)):
            x = self.stages[str(i)](x, None if key is None else jax.random.fold_in(key, i))
        features = self.norm(x).mean((1, 2, 3))
        k_head = None if key is None else jax.random.fold_in(key, len(self.config.depths))
        return Outputs(
            self.head(drop(features, self.config.head_dropout, k_head, per_clip=False)), features
        )


def random_params(shapes: Params, key: Key[Array, ""]) -> Params:
    """Draws initial parameters: zero biases, unit scales, position biases of sd 0.02, kernels of sd 1 / sqrt(fan in).

    Not torchvision's 0.02 for kernels: from scratch, motion is learned much later with it. All normals are drawn at
    once and then cut up, because compiling a random generator for every shape takes seconds.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(shapes)
    sizes = [math.prod(leaf.shape) for _, leaf in leaves]
    noise = (
        jax.random.truncated_normal(key, -2, 2, (sum(sizes),), jnp.float32) / TRUNCATED_NORMAL_SD
    )
    params = []
    for (path, leaf), end in zip(leaves, np.cumsum(sizes), strict=True):
        normal = noise[end - math.prod(leaf.shape) : end].reshape(leaf.shape)
        match path[-1].key:
            case "kernel":
                params.append(normal / math.sqrt(leaf.shape[0]))
            case "position_bias":
                params.append(0.02 * normal)
            case "scale":
                params.append(jnp.ones(leaf.shape))
            case "bias":
                params.append(jnp.zeros(leaf.shape))
    return jax.tree.unflatten(
        tree, [x.astype(leaf.dtype) for x, (_, leaf) in zip(params, leaves, strict=True)]
    )


def create(config: VideoSwinConfig, key: Key[Array, ""]) -> tuple[Apply, Params]:
    """Returns a model as a pure function and its random parameters.

    `apply(params, video, key)` takes a normalised float video (b, t, h, w, 3) of any size; key None means evaluation
    (no stochastic depth, no dropout). `params` is a plain nested dict of float32 arrays whose keys are strings.
    """
    graph, shapes = nnx.split(nnx.eval_shape(lambda: VideoSwin(config, nnx.Rngs(0))))

    def apply(
        params: Params, video: Float[Array, "b t h w 3"], key: Key[Array, ""] | None
    ) -> Outputs:
        return nnx.merge(graph, params)(video, key)

    return apply, jax.jit(functools.partial(random_params, nnx.to_pure_dict(shapes)))(key)
