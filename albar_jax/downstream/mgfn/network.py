"""MGFN as a pure function of its weights. (arXiv 2211.15098; MGFN, models/mgfn.py)

Results match the original's. Its weights are converted by the table in `names`.
"""

import dataclasses
import math
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, Key

from albar_jax.downstream.mgfn.blocks import CONV_TAPS, Stage
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.layers import EPSILON, Conv, Linear, Rows, Valid
from albar_jax.types import BATCH_STATS, Params
from albar_jax.weights.trees import flatten, unflatten


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class MgfnOutputs:
    """The outputs of MGFN for b videos of t rows, all float32.

    Attributes:
      scores: anomaly scores, 0 to 1, means over crops.
      features: inputs of the last linear layer, d channels.
      batch_stats: {BATCH_STATS: updated batch statistics} after a training pass; empty in
        evaluation.
    """

    scores: Float[Array, "b t"]
    features: Float[Array, "b crops t d"]
    batch_stats: Params = dataclasses.field(default_factory=dict)


class Apply(Protocol):
    """MGFN as a pure function; see `create`."""

    def __call__(
        self,
        weights: Params,
        videos: Float[Array, "b crops t c"],
        lengths: Int[Array, " b"] | None = None,
        *,
        training: bool = False,
    ) -> MgfnOutputs:
        """Returns scores and features of videos."""
        ...


class Mgfn(nnx.Module):
    """Tokens of features and magnitudes, stages, and a linear head on normalised features."""

    def __init__(self, config: MgfnConfig, width: int):
        self.magnitude_ratio = config.magnitude_ratio
        self.to_tokens = Conv(CONV_TAPS, width, config.dims[0])
        self.to_mag = Conv(CONV_TAPS, 1, config.dims[0])
        self.stages = nnx.Dict({str(i): Stage(config, i) for i in range(len(config.dims))})
        self.norm = nnx.LayerNorm(
            config.dims[-1], epsilon=EPSILON, use_fast_variance=False, rngs=nnx.Rngs(0)
        )
        self.head = Linear(config.dims[-1], 1)

    def tokens(self, x: Rows, valid: Valid) -> Rows:
        """Returns the sum of both convolutions; the last channel of x is the magnitude."""
        magnitudes = self.to_mag(x[..., -1:], valid)
        return self.to_tokens(x[..., :-1], valid) + self.magnitude_ratio * magnitudes

    def __call__(
        self, x: Rows, valid: Valid, *, training: bool
    ) -> tuple[Float[Array, "n t"], Float[Array, "n t d"]]:
        """Returns the scores and the features of each crop."""
        x = self.tokens(x, valid)
        for i in range(len(self.stages)):
            x = self.stages[str(i)](x, valid, training=training)

        features = self.norm(x)
        return jax.nn.sigmoid(self.head(features)[..., 0]), features


def random_params(shapes: Params, key: Key[Array, ""]) -> Params:
    """Draws initial parameters like PyTorch's layers.

    Kernels and biases are uniform within 1 / sqrt(fan in). Scales of norms are 1, their biases 0.

    Args:
      shapes: parameter tree with shapes for leaves.
      key: random key.
    """
    flat = flatten(shapes)
    total = sum(math.prod(leaf.shape) for leaf in flat.values())
    # One draw for all parameters, which numpy cuts: compiling for each shape takes seconds.
    uniform = np.asarray(jax.random.uniform(key, (total,), jnp.float32, -1, 1))

    params = {}
    start = 0
    for path, leaf in flat.items():
        end = start + math.prod(leaf.shape)
        module, _, name = path.rpartition("/")
        kernel = flat.get(f"{module}/kernel")
        if kernel is not None:
            bound = math.prod(kernel.shape[:-1]) ** -0.5
            params[path] = np.float32(bound) * uniform[start:end].reshape(leaf.shape)
        else:
            params[path] = np.full(leaf.shape, name == "scale", np.float32)
        start = end

    return unflatten(params)


def create(config: MgfnConfig, width: int, key: Key[Array, ""]) -> tuple[Apply, Params]:
    """Returns an MGFN as a pure function, and its random weights.

    Args:
      config: recipe with the sizes of the network.
      width: channels of the features, without the magnitude.
      key: random key of the weights.

    Returns:
      `apply(weights, videos, lengths, training=False) -> MgfnOutputs` and the weights. `videos` is
      a float array (b, crops, t, width + 1) of any length, whose last channel is the L2 norm of the
      others. `weights` is a nested dict of float32 arrays with string keys: parameters and, under
      BATCH_STATS, running means and variances.

      Evaluation is exact for padded videos: with `lengths`, int (b,), the first `lengths[i]` rows
      of video i have the results that they have without the padding. Results in the padding are
      undefined. Training normalises by the batch, whose statistics padding would change, so it
      takes no `lengths`.
    """
    graph, shapes, stats = nnx.split(
        nnx.eval_shape(lambda: Mgfn(config, width)), nnx.Param, nnx.BatchStat
    )

    def apply(
        weights: Params,
        videos: Float[Array, "b crops t c"],
        lengths: Int[Array, " b"] | None = None,
        *,
        training: bool = False,
    ) -> MgfnOutputs:
        b, crops, t, channels = videos.shape
        valid = None
        if lengths is not None:
            is_row = jnp.arange(t) < jnp.repeat(lengths, crops)[:, None]
            valid = is_row[..., None].astype(videos.dtype)

        params = {name: value for name, value in weights.items() if name != BATCH_STATS}
        # The merged module has its own variables, so the given statistics are never written.
        model = nnx.merge(graph, params, weights[BATCH_STATS])
        scores, features = model(videos.reshape(b * crops, t, channels), valid, training=training)

        updated = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
        return MgfnOutputs(
            scores.reshape(b, crops, t).mean(1),
            features.reshape(b, crops, t, -1),
            {BATCH_STATS: updated} if training else {},
        )

    params = random_params(nnx.to_pure_dict(shapes), key)
    return apply, params | {BATCH_STATS: _initial_stats(nnx.to_pure_dict(stats))}


def _initial_stats(shapes: Params) -> Params:
    """Returns running means of 0 and running variances of 1."""
    flat = {}
    for path, leaf in flatten(shapes).items():
        flat[path] = np.full(leaf.shape, path.endswith("/var"), np.float32)
    return unflatten(flat)
