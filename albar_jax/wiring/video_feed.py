"""Streams batches from the loaders to the devices."""

import contextlib
from collections.abc import Generator

from jax.sharding import Mesh

from albar_jax.data.batches import Batches, close_all
from albar_jax.data.failures import FailureLog
from albar_jax.data.manifest import Manifest
from albar_jax.data.record_comparison import with_verified_shards
from albar_jax.parallel.failures import run_before_abort
from albar_jax.parallel.feed import device_batches
from albar_jax.types import Batch

# Frees the shared memory of worker processes.
run_before_abort(close_all)


class VideoFeed:
    """Streams batches from loaders to the devices, and logs the videos that cannot be read.

    Streams that share a feed share its log: a video that was too slow in one of them is not read by
    the others.

    Args:
      mesh: the devices.

    Attributes:
      mesh: the devices.
      failures: the unreadable videos of all streams so far.
    """

    def __init__(self, mesh: Mesh):
        self.mesh = mesh
        self.failures = FailureLog()

    def batches(self, loader: Batches, videos: Manifest) -> Generator[Batch, None, None]:
        """Yields the loader's batches on the devices.

        Raises:
          StorageError: the system failed to read a video, or a shard of records is damaged.
        """
        with loader, contextlib.closing(with_verified_shards(loader, videos.paths)) as batches:
            logged = 0
            for batch in device_batches(batches, len(videos.classes), self.mesh):
                # Most batches add nothing to a log that may be long.
                if len(loader.failures) > logged:
                    self.failures.update(loader.failures)
                    logged = len(loader.failures)
                yield batch
