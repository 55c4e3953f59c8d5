"""Packs encoded videos into ArrayRecord shards with tensorflow-datasets, without TensorFlow.

Importing tensorflow-datasets takes most of a second, so `records` imports this file only to pack.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds

from albar_jax.data.sources import VideoFile, encoded


# Pyright does not see `RegisteredDataset.__init_subclass__` and so takes the keyword for a mistake.
class VideoRecords(  # pyright: ignore[reportGeneralTypeIssues]
    tfds.core.ShardBasedBuilder,
    skip_registration=True,  # pyright: ignore[reportCallIssue]
):
    """A builder that writes one shard after another, in order.

    It is not a GeneratorBasedBuilder, which holds up to 1 GB of a split in memory and needs
    TensorFlow for larger splits.

    Args:
      name: name of the data set.
      version: version of the data set, such as "1.0.0".
      data_dir: folder of all data sets.
      splits: name of a split -> the videos of each shard.
      classes: class names in the order of their numbers.
      metadata: texts to store with the data set.
      packed: called with each video when it is written.
    """

    # Nothing is downloaded. Without this line, tensorflow-datasets looks for a list of downloads,
    # which needs importlib_resources.
    url_infos = {}

    def __init__(
        self,
        name: str,
        version: str,
        data_dir: str | os.PathLike[str],
        *,
        splits: Mapping[str, Sequence[Sequence[VideoFile]]],
        classes: Sequence[str],
        metadata: Mapping[str, str],
        packed: Callable[[VideoFile], object],
    ):
        # Otherwise, the name of the class would become the name of the data set.
        self.name = name
        self.VERSION = tfds.core.Version(version)
        self.packed = packed
        self._splits = splits
        self._classes = classes
        self._metadata = metadata
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "video": tfds.features.Tensor(shape=(), dtype=np.object_),
            "label": tfds.features.ClassLabel(names=self._classes),
            "id": tfds.features.Text(),
        }
        return _Info(
            builder=self,
            description="Encoded videos, as their files are; a folder of images is a zip of them.",
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(self._metadata),
            disable_shuffling=True,
        )

    def _shard_iterators_per_split(self, dl_manager) -> dict[str, list[Callable[[], Iterator]]]:
        def examples(shard: Sequence[VideoFile]) -> Iterator[tuple[int, _Example]]:
            for number, file in enumerate(shard):
                yield number, _Example(file)
                self.packed(file)

        iterators = {}
        for name, shards in self._splits.items():
            # The default argument binds each shard to its own function.
            iterators[name] = [lambda shard=shard: examples(shard) for shard in shards]

        return iterators

    def _log_download_bytes(self) -> None:
        """Logs nothing, because nothing is downloaded."""

    def _log_download_done(self) -> None:
        """Logs nothing, because nothing is downloaded."""


class _Info(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """Does nothing. The original looks online and leaves an empty folder in /tmp."""


class _Example(Mapping):
    """An example whose video is read when it is encoded.

    The writer keeps every example of a shard until the shard is written, so examples must be small.
    """

    def __init__(self, file: VideoFile):
        self._file = file

    def __getitem__(self, name: str):
        if name == "video":
            return encoded(self._file.path)
        return getattr(self._file, name)

    def __iter__(self) -> Iterator[str]:
        return iter(("video", "label", "id"))

    def __len__(self) -> int:
        return 3
