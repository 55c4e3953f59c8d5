"""The tensorflow-datasets builder that packs encoded videos into ArrayRecord shards; TensorFlow itself is not needed.

Importing tensorflow-datasets takes most of a second, so `records` imports this file only to pack.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds

from albar_jax.data.sources import VideoFile, encoded


class VideoRecords(tfds.core.ShardBasedBuilder, skip_registration=True):
    """Writes one shard after the other, in order: `splits[name][i]` are the videos of shard i.

    Not a GeneratorBasedBuilder: that one holds a split in memory up to 1 GB, and past it needs TensorFlow.

    Attributes:
      packed: called with each video when it is written.
    """

    url_infos = {}  # nothing is downloaded; looking for the list of what might be needs importlib_resources

    def __init__(
        self,
        name: str,
        version: str,
        data_dir: str | os.PathLike[str],
        *,
        splits: Mapping[str, Sequence[Sequence[VideoFile]]],
        classes: Sequence[str],
        metadata: Mapping[str, str],
        packed: Callable[[VideoFile], None],
    ):
        self.name = name  # else it is made from the name of the class
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

        return {
            name: [lambda shard=shard: examples(shard) for shard in shards]
            for name, shards in self._splits.items()
        }

    def _log_download_bytes(self) -> None:
        """Nothing is downloaded, so there is nothing to tell."""

    def _log_download_done(self) -> None:
        """As above."""


class _Info(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """There is nothing to look up online, and no empty folder to leave in /tmp."""


class _Example(Mapping):
    """Reads its video when it is encoded: the writer keeps every example of a shard until the shard is done."""

    def __init__(self, file: VideoFile):
        self._file = file

    def __getitem__(self, name: str):
        return encoded(self._file.path) if name == "video" else getattr(self._file, name)

    def __iter__(self) -> Iterator[str]:
        return iter(("video", "label", "id"))

    def __len__(self) -> int:
        return 3
