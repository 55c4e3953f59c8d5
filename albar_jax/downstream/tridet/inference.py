"""Turns the outputs of TriDet into the predicted segments of a video."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.decoding import decode
from albar_jax.downstream.tridet.grid import padded, padded_length
from albar_jax.downstream.tridet.network import ApplyTridet, pyramid_of
from albar_jax.downstream.tridet.nms import Candidates, joined
from albar_jax.types import Params

# (params, features, mask) -> class probabilities (1, p, c) and distances (1, p, c, 2).
PredictTridet = Callable[
    [Params, Float[Array, "1 t d"], Bool[Array, "1 t"]],
    tuple[Float[Array, "1 p c"], Float[Array, "1 p c 2"]],
]


def make_predict(apply: ApplyTridet, config: TridetConfig) -> PredictTridet:
    """Returns the jitted forward pass of a test video, which is compiled once per padded length."""

    def predict(
        params: Params, features: Float[Array, "1 t d"], mask: Bool[Array, "1 t"]
    ) -> tuple[Float[Array, "1 p c"], Float[Array, "1 p c 2"]]:
        outputs = apply(params, features, mask, None)
        probs = jax.nn.sigmoid(outputs.classes) * outputs.valid[..., None]
        return probs, decode(outputs, config.bins)

    return jax.jit(predict)


def candidates_of(
    predict: PredictTridet,
    params: Params,
    rows: Float[np.ndarray, "t d"],
    windows: list[slice],
    config: TridetConfig,
) -> Candidates:
    """Returns the segments of a video before NMS, in grid steps.

    Args:
      predict: jitted forward pass.
      params: weights; after training, the moving average of the weights.
      rows: features of the video.
      windows: rows of each forward pass.
      config: thresholds.
    """
    found = []
    for window in windows:
        length = padded_length(window.stop - window.start, config)
        features, mask = padded(rows[window], length)
        outputs = predict(params, jnp.asarray(features)[None], jnp.asarray(mask)[None])
        probs, distances = jax.device_get(outputs)

        # A window counts its own steps.
        part = _select(probs[0], distances[0], length, config)
        found.append(Candidates(part.segments + np.float32(window.start), part.scores, part.labels))

    return joined(found)


def _select(
    probs: Float[np.ndarray, "p c"],
    distances: Float[np.ndarray, "p c 2"],
    length: int,
    config: TridetConfig,
) -> Candidates:
    """Returns the best pairs of point and class of each level that pass all thresholds."""
    pyramid = pyramid_of(config, length)
    levels = []
    for number, span in enumerate(pyramid.spans):
        flat = probs[span].reshape(-1)
        # The best pairs are chosen before any is decoded, as in the original.
        above = np.flatnonzero(flat > config.score_threshold)
        best = above[np.argsort(-flat[above], kind="stable")[: config.candidates]]
        points, labels = np.divmod(best, probs.shape[1])

        # Distances are in strides of the level.
        stride = np.float32(2**number)
        before, after = distances[span][points, labels].T * stride
        times = points.astype(np.float32) * stride
        segments = np.stack([times - before, times + after], axis=1)

        level = Candidates(segments, flat[best], labels)
        levels.append(level.take(before + after > config.least_length))

    return joined(levels)
