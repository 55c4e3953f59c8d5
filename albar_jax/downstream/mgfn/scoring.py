"""Scores the rows of test videos of any length with few compiled programs."""

from collections.abc import Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from albar_jax.downstream.mgfn.blocks import MLP_RATIO
from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.downstream.mgfn.network import Apply
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.snippets import with_magnitude
from albar_jax.types import Params

# Numbers of the largest activation: attention scores of long videos, else an MLP's hidden layer.
_MOST_NUMBERS = 1 << 26
_SHORTEST = 16


def padded_length(rows: int) -> int:
    """Returns the smallest power of two that is at least `rows` and 16."""
    return max(_SHORTEST, 1 << (rows - 1).bit_length())


class Scorer:
    """Scores test videos in evaluation mode.

    Videos are padded to powers of two, which is exact; see `network.create`. So one program is
    compiled per power. Videos of equal padded lengths share batches, and the crops of long videos
    run one at a time.

    Args:
      apply: network.
      features: features of the videos.
      config: sizes of the network.
      names: ids of the videos.
    """

    def __init__(
        self, apply: Apply, features: FeatureSet, config: MgfnConfig, names: Sequence[str]
    ):
        self._features = features
        self._widest = MLP_RATIO * max(config.dims)
        self._names: dict[int, list[str]] = {}
        for name in names:
            length = padded_length(features.rows(name))
            self._names.setdefault(length, []).append(name)

        def score(
            weights: Params, videos: Float[Array, "b crops t c"], lengths: Int[Array, " b"]
        ) -> Float[Array, "b t"]:
            if self._crops_at_once(videos.shape[2]) >= videos.shape[1]:
                return apply(weights, videos, lengths).scores

            def crop_scores(crop: Float[Array, "b t c"]) -> Float[Array, "b t"]:
                return apply(weights, crop[:, None], lengths).scores

            # The score is the mean over crops.
            return jax.lax.map(crop_scores, videos.swapaxes(0, 1)).mean(0)

        self._score = jax.jit(score)

    def __call__(self, weights: Params) -> Mapping[str, Float32[np.ndarray, " t"]]:
        """Returns the anomaly score, 0 to 1, of each row of each video."""
        scores = {}
        for length in sorted(self._names):
            for names, videos, lengths in self._batches(length):
                values = np.asarray(self._score(weights, jnp.asarray(videos), lengths))
                for name, video, count in zip(names, values, lengths, strict=False):
                    scores[name] = video[:count]

        return scores

    def _crops_at_once(self, length: int) -> int:
        return max(1, _MOST_NUMBERS // (length * max(length, self._widest)))

    def _batches(
        self, length: int
    ) -> Iterator[tuple[list[str], Float32[np.ndarray, "b crops t c"], Int[np.ndarray, " b"]]]:
        """Yields ids, padded videos and their lengths; the last batch is filled with padding."""
        names = self._names[length]
        info = self._features.info
        size = min(len(names), max(1, self._crops_at_once(length) // info.crops))

        for start in range(0, len(names), size):
            chosen = names[start : start + size]
            videos = np.zeros((size, info.crops, length, info.width + 1), np.float32)
            lengths = np.zeros(size, np.int32)
            for place, name in enumerate(chosen):
                rows = with_magnitude(self._features.read(name))
                lengths[place] = len(rows)
                videos[place, :, : len(rows)] = rows.swapaxes(0, 1)
            yield chosen, videos, lengths
