"""The batches of MGFN: normal and abnormal videos, cut into segments."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from albar_jax.downstream.mgfn.config import MgfnConfig
from albar_jax.errors import UserError
from albar_jax.features.feature_set import FeatureSet
from albar_jax.features.snippets import segments_of, with_magnitude

# Segments that are kept in memory. All of UCF-Crime need 0.2 GB for one crop of 768 channels, and
# 4.2 GB for 10 crops of 2048.
_MOST_BYTES = 2 << 30


class TrainVideos:
    """The training videos of both classes, in batches that follow from (seed, step).

    Without shuffling, batch j of each epoch has the videos b * j to b * j + b - 1 of each class, in
    the order of the manifest, and an incomplete batch is dropped. So of UCF-Crime's 810 abnormal
    videos, the last 10 are never seen, and neighbouring videos share a class. With shuffling, each
    epoch has an order of its own.

    Args:
      features: features of the videos.
      normal: ids of the normal videos.
      abnormal: ids of the abnormal videos.
      config: recipe.
      seed: seed of the order.
    """

    def __init__(
        self,
        features: FeatureSet,
        normal: Sequence[str],
        abnormal: Sequence[str],
        config: MgfnConfig,
        seed: int,
    ):
        self._features = features
        self._classes = (tuple(normal), tuple(abnormal))
        self._config = config
        self._seed = seed
        self._segments: dict[str, np.ndarray] = {}
        self._num_bytes = 0
        self.steps_per_epoch = min(len(normal), len(abnormal)) // config.batch_size

    def check(self) -> None:
        """Raises UserError if there are too few videos, or pairs need an even number of rows."""
        size = self._config.batch_size
        for kind, names in zip(("normal", "abnormal"), self._classes, strict=True):
            if len(names) < size:
                raise UserError(
                    f"mgfn: there are {len(names)} {kind} training videos with features, but a "
                    f"batch has {size} of them; choose a smaller batch_size, or add videos"
                )

        crops = self._features.info.crops
        if crops * size % 2:
            raise UserError(
                f"mgfn: batch_size is {size} and the features have {crops} crops, but pairs need "
                "an even number of rows; choose an even batch_size"
            )

    def names(self, step: int) -> list[str]:
        """Returns the ids of a batch: normal videos, then as many abnormal ones."""
        epoch, number = divmod(step, self.steps_per_epoch)
        size = self._config.batch_size
        names = []
        for kind, ids in enumerate(self._classes):
            order = np.arange(len(ids))
            if self._config.shuffle:
                order = np.random.default_rng((self._seed, epoch, kind)).permutation(len(ids))
            names += [ids[place] for place in order[number * size : (number + 1) * size]]

        return names

    def batch(self, step: int) -> Float32[np.ndarray, "b2 crops t c"]:
        """Returns the segments of a batch, whose last channel is the magnitude."""
        return np.stack([self._segments_of(name) for name in self.names(step)])

    def _segments_of(self, name: str) -> Float32[np.ndarray, "crops t c"]:
        if name in self._segments:
            return self._segments[name]

        segments = segments_of(self._features.read(name), self._config.segments)
        # The network takes the crops before the segments.
        segments = np.ascontiguousarray(with_magnitude(segments).swapaxes(0, 1))
        if self._num_bytes + segments.nbytes <= _MOST_BYTES:
            self._segments[name] = segments
            self._num_bytes += segments.nbytes

        return segments
