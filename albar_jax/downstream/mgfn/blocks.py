"""Blocks, layers and stages of MGFN. (MGFN, models/mgfn.py)"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from albar_jax.downstream.mgfn.config import HEAD_WIDTH, MgfnConfig
from albar_jax.downstream.mgfn.layers import (
    BatchNorm,
    ChannelNorm,
    Conv,
    Linear,
    Rows,
    SharedFilter,
    Valid,
    zeroed,
)

MLP_RATIO = 4
# Taps of the convolution of a layer, and of the filter of a focus block. The original's options
# for the second have no effect.
CONV_TAPS = 3
FILTER_TAPS = 5
# Score of a key in the padding. Its exponential is exactly 0, also if all keys are padding.
MASKED_SCORE = -1e30


class Glance(nnx.Module):
    """Attention of each row to all rows of its video."""

    def __init__(self, width: int, heads: int):
        self.heads = heads
        self.norm = ChannelNorm(width)
        self.to_qkv = Linear(width, 3 * heads * HEAD_WIDTH, use_bias=False)
        self.to_out = Linear(heads * HEAD_WIDTH, width)

    def __call__(self, x: Rows, valid: Valid, *, training: bool) -> Rows:
        """Returns the attended rows; no row attends to padding."""
        n, t, _ = x.shape
        # The channels are head-major: channel = head * 64 + c.
        qkv = self.to_qkv(self.norm(x)).reshape(n, t, 3, self.heads, HEAD_WIDTH)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)

        scores = (q * HEAD_WIDTH**-0.5) @ k.mT
        if valid is not None:
            scores = jnp.where(valid[:, None, None, :, 0] > 0, scores, MASKED_SCORE)
        attended = jax.nn.softmax(scores) @ v
        return self.to_out(attended.swapaxes(1, 2).reshape(n, t, -1))


class Focus(nnx.Module):
    """A filter over time of the values, one per head.

    The paper describes a filter that comes from the features. The filter of the code is a
    parameter, and this is the code's.
    """

    def __init__(self, width: int, heads: int):
        self.heads = heads
        self.norm = BatchNorm(width)
        self.to_v = Linear(width, heads * HEAD_WIDTH, use_bias=False)
        self.rel_pos = SharedFilter(FILTER_TAPS, heads)
        self.to_out = Linear(heads * HEAD_WIDTH, width)

    def __call__(self, x: Rows, valid: Valid, *, training: bool) -> Rows:
        """Returns the filtered rows; padding counts as zeros."""
        n, t, _ = x.shape
        values = zeroed(self.to_v(self.norm(x, training=training)), valid)
        # The channels are head-minor here: channel = c * heads + head.
        filtered = self.rel_pos(values.reshape(n, t, HEAD_WIDTH, self.heads))
        return self.to_out(filtered.reshape(n, t, -1))


class Mlp(nnx.Module):
    """A norm and two linear layers with an exact GELU between them."""

    def __init__(self, width: int):
        self.norm = ChannelNorm(width)
        self.fc1 = Linear(width, MLP_RATIO * width)
        self.fc2 = Linear(MLP_RATIO * width, width)

    def __call__(self, x: Rows) -> Rows:
        """Applies the MLP to each row."""
        return self.fc2(jax.nn.gelu(self.fc1(self.norm(x)), approximate=False))


class Layer(nnx.Module):
    """A convolution, a glance or focus block and an MLP, each with a residual connection."""

    def __init__(self, config: MgfnConfig, stage: int):
        width = config.dims[stage]
        heads = config.heads(stage)
        is_glance = config.blocks[stage] == "glance"
        self.conv = Conv(CONV_TAPS, width, width)
        # Two names, because their norms have other weights.
        self.glance = Glance(width, heads) if is_glance else None
        self.focus = None if is_glance else Focus(width, heads)
        self.mlp = Mlp(width)

    def __call__(self, x: Rows, valid: Valid, *, training: bool) -> Rows:
        """Adds the three residual branches to x."""
        x = x + self.conv(x, valid)
        if self.glance is not None:
            x = x + self.glance(x, valid, training=training)
        if self.focus is not None:
            x = x + self.focus(x, valid, training=training)
        return x + self.mlp(x)


class Transition(nnx.Module):
    """A norm and a linear layer to the width of the next stage."""

    def __init__(self, width: int, outputs: int):
        self.norm = ChannelNorm(width)
        self.conv = Linear(width, outputs)

    def __call__(self, x: Rows) -> Float[Array, "n t d"]:
        """Applies both to each row."""
        return self.conv(self.norm(x))


class Stage(nnx.Module):
    """Layers of one width, followed by a transition except after the last stage."""

    def __init__(self, config: MgfnConfig, stage: int):
        # String keys make parameters the same tree in memory, in a checkpoint and in JSON.
        self.layers = nnx.Dict()
        for i in range(config.depths[stage]):
            self.layers[str(i)] = Layer(config, stage)

        is_last = stage + 1 == len(config.dims)
        self.transition = (
            None if is_last else Transition(config.dims[stage], config.dims[stage + 1])
        )

    def before_transition(self, x: Rows, valid: Valid, *, training: bool) -> Rows:
        """Applies all layers."""
        for i in range(len(self.layers)):
            x = self.layers[str(i)](x, valid, training=training)
        return x

    def __call__(self, x: Rows, valid: Valid, *, training: bool) -> Float[Array, "n t d"]:
        """Applies all layers and the transition."""
        x = self.before_transition(x, valid, training=training)
        return x if self.transition is None else self.transition(x)
