"""Blocks and stages of the Video Swin."""

import jax
from flax import nnx
from jaxtyping import Array, Float, Key

from albar_jax.models.attention import Attention, Tokens
from albar_jax.models.config import VideoSwinConfig
from albar_jax.models.layers import drop, fold, layer_norm, linear
from albar_jax.models.patches import PatchMerge
from albar_jax.models.recompute import call_recomputed

MLP_RATIO = 4


class Mlp(nnx.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, config: VideoSwinConfig, width: int, rngs: nnx.Rngs):
        self.fc1 = linear(config, width, MLP_RATIO * width, rngs)
        self.fc2 = linear(config, MLP_RATIO * width, width, rngs)

    def __call__(self, x: Tokens) -> Tokens:
        """Applies the MLP with the exact GELU, not the tanh approximation."""
        return self.fc2(jax.nn.gelu(self.fc1(x), approximate=False))


class Block(nnx.Module):
    """Pre-norm attention and MLP, each with stochastic depth per clip."""

    def __init__(
        self, config: VideoSwinConfig, stage: int, index: int, drop_rate: float, rngs: nnx.Rngs
    ):
        self.drop_rate = drop_rate
        self.norm1 = layer_norm(config, config.width(stage), rngs)
        self.attention = Attention(config, stage, shifted=index % 2 == 1, rngs=rngs)
        self.norm2 = layer_norm(config, config.width(stage), rngs)
        self.mlp = Mlp(config, config.width(stage), rngs)

    def __call__(
        self, x: Tokens, key: Key[Array, ""] | None, still_length: int | None = None
    ) -> Tokens:
        """Adds both residual branches to x; `still_length` is as in `Attention`."""
        k_attention, k_mlp = (None, None) if key is None else jax.random.split(key)
        attended = self.attention(self.norm1(x), still_length)
        x = x + drop(attended, self.drop_rate, k_attention, per_clip=True)
        return x + drop(self.mlp(self.norm2(x)), self.drop_rate, k_mlp, per_clip=True)


class Stage(nnx.Module):
    """Blocks of one resolution, followed by a patch merge except after the last stage."""

    def __init__(self, config: VideoSwinConfig, stage: int, rngs: nnx.Rngs):
        self.depth = config.depths[stage]
        self.remat = config.remat
        blocks_before = sum(config.depths[:stage])
        last_block = max(sum(config.depths) - 1, 1)

        # String keys make parameters the same tree in memory, in a checkpoint and in JSON.
        self.blocks = nnx.Dict()
        for i in range(self.depth):
            drop_rate = config.drop_path_rate * (blocks_before + i) / last_block
            self.blocks[str(i)] = Block(config, stage, i, drop_rate, rngs)

        is_last = stage + 1 == len(config.depths)
        self.merge = None if is_last else PatchMerge(config, stage, rngs)

    def __call__(
        self, x: Tokens, key: Key[Array, ""] | None, still_length: int | None = None
    ) -> Float[Array, "b t h2 w2 c2"]:
        """Applies all blocks, each with its own random key; see `Attention` for `still_length`."""
        for i in range(self.depth):
            block = self.blocks[str(i)]
            x = call_recomputed(block, self.remat, x, fold(key, i), still_length=still_length)

        if self.merge is None:
            return x
        return call_recomputed(self.merge, self.remat, x)
