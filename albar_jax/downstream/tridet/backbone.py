"""The backbone of TriDet: convolutions, SGP blocks, and the norms of the identity pyramid.

Source: dingfengshi/TriDet, libs/modeling/blocks.py (SGPBlock), backbones.py, necks.py. Padding
enters the means and the group norms, as there, so results depend on the padded length.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Key

from albar_jax.downstream.tridet.config import GROUPS, TridetConfig
from albar_jax.downstream.tridet.layers import (
    Conv,
    DepthwiseConv,
    Mask,
    Scale,
    Sequences,
    group_norm,
    layer_norm,
    max_pool,
)


class Mlp(nnx.Module):
    """Two linear layers with the exact GELU between them."""

    def __init__(self, width: int, hidden: int):
        self.fc1 = Conv(1, width, hidden)
        self.fc2 = Conv(1, hidden, width)

    def __call__(self, x: Sequences) -> Sequences:
        """Applies the MLP to each position."""
        return self.fc2(jax.nn.gelu(self.fc1(x), approximate=False))


class SgpBlock(nnx.Module):
    """Scalable-granularity perception: an instant-level and a window-level branch, then an MLP.

    ≠ the paper's fully connected layers are one weight per channel here, as in the code.

    Args:
      config: sizes of the filters and of the MLP.
      stride: 1, or 2 to halve the length by max pooling.
      is_scaled: whether both residual branches have learnt scales and stochastic depth.
    """

    def __init__(self, config: TridetConfig, stride: int, *, is_scaled: bool):
        width = config.width
        self.stride = stride
        self.drop_rate = config.drop_path if is_scaled else 0.0
        self.norm = layer_norm(width)
        self.psi = DepthwiseConv(config.sgp_window, width)
        self.conv_w = DepthwiseConv(config.sgp_window, width)
        self.conv_kw = DepthwiseConv(config.large_window, width)
        self.fc = DepthwiseConv(1, width)
        self.global_fc = DepthwiseConv(1, width)

        self.group_norm = group_norm(width, GROUPS)
        self.mlp = Mlp(width, config.mlp_width)
        self.branch_scale = Scale(width) if is_scaled else None
        self.mlp_scale = Scale(width) if is_scaled else None

    def __call__(
        self, x: Sequences, mask: Mask, key: Key[Array, ""] | None
    ) -> tuple[Sequences, Mask]:
        """Applies the block.

        Args:
          x: sequences (b, t, c).
          mask: True for real steps.
          key: random key of stochastic depth; None selects evaluation.

        Returns:
          The new sequences (b, t / stride, c) and their mask.
        """
        k_branch, k_mlp = (None, None) if key is None else jax.random.split(key)
        if self.stride == 2:
            x, mask = max_pool(x), mask[:, ::2]

        normed = self.norm(x)
        # The mean is over all positions, padding included.
        gate = jax.nn.relu(self.global_fc(normed.mean(1, keepdims=True)))
        instant = self.fc(normed) * gate
        window = (self.conv_w(normed) + self.conv_kw(normed)) * self.psi(normed)
        # LN(x) itself is the third term.
        branch = instant + window + normed

        # Only x is masked, not the branch.
        y = x * mask + self._residual(branch, self.branch_scale, k_branch)
        return y + self._residual(self.mlp(self.group_norm(y)), self.mlp_scale, k_mlp), mask

    def _residual(self, x: Sequences, scale: Scale | None, key: Key[Array, ""] | None) -> Sequences:
        if scale is None:
            return x

        return drop_samples(scale(x), self.drop_rate, key)


class Backbone(nnx.Module):
    """Convolutions, SGP blocks at full resolution, blocks that halve it, and a norm per level."""

    def __init__(self, config: TridetConfig, input_width: int):
        self.config = config
        # String keys make parameters the same tree in memory, in a checkpoint and in JSON.
        self.embed = nnx.Dict()
        self.embed_norm = nnx.Dict()
        for i in range(config.embed_layers):
            inputs = config.width if i else input_width
            self.embed[str(i)] = Conv(3, inputs, config.width, bias=False)
            self.embed_norm[str(i)] = layer_norm(config.width)

        self.stem = nnx.Dict()
        for i in range(config.stem_blocks):
            self.stem[str(i)] = SgpBlock(config, 1, is_scaled=False)

        self.branch = nnx.Dict()
        for i in range(config.levels - 1):
            self.branch[str(i)] = SgpBlock(config, 2, is_scaled=True)

        self.level_norm = nnx.Dict({str(i): layer_norm(config.width) for i in range(config.levels)})

    def __call__(self, x: Sequences, mask: Mask, key: Key[Array, ""] | None) -> list[Sequences]:
        """Returns the features of each level, (b, t / 2^l, width)."""
        for i in range(self.config.embed_layers):
            x = self.embed[str(i)](x) * mask
            # The bias of the norm makes padding non-zero again.
            x = jax.nn.relu(self.embed_norm[str(i)](x))

        for i in range(self.config.stem_blocks):
            x, mask = self.stem[str(i)](x, mask, None)

        levels = [self.level_norm["0"](x)]
        for i in range(self.config.levels - 1):
            # Each block drops other samples.
            k_block = None if key is None else jax.random.fold_in(key, i)
            x, mask = self.branch[str(i)](x, mask, k_block)
            levels.append(self.level_norm[str(i + 1)](x))

        return levels


def drop_samples(x: Sequences, rate: float, key: Key[Array, ""] | None) -> Sequences:
    """Applies stochastic depth to whole samples.

    Args:
      x: residual branches of a batch.
      rate: probability of a zero, from 0 to below 1. The rest is scaled by 1 / (1 - rate).
      key: random key; None returns x unchanged.
    """
    if key is None or rate == 0:
        return x

    is_kept = jax.random.bernoulli(key, 1 - rate, (x.shape[0], 1, 1))
    return jnp.where(is_kept, x / (1 - rate), 0)
