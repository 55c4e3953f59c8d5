"""Applies a function to positions in Grain's threads."""

import functools
from collections.abc import Callable, Iterator

import cv2
import grain
import numpy as np
from absl import flags

from albar_jax.data.in_flight import Watch

# Keys: video, label, valid, index, and auxiliary inputs.
Example = dict[str, np.ndarray]
# Maps a position in the stream to an example.
Load = Callable[[int, Watch], Example]

# Batches read ahead per process; bounds host memory.
BUFFERED_BATCHES = 4


def threaded(
    load: Load,
    watch: Watch,
    positions: range,
    size: int,
    *,
    threads: int,
    share: slice = slice(None),
) -> Iterator[Example]:
    """Applies `load` to the positions in threads and yields batches in order.

    Args:
      load: returns one example.
      watch: passed to `load`.
      positions: positions of all batches.
      size: examples per batch.
      threads: number of threads; 0 loads in the calling thread.
      share: the batches to make.
    """
    # Grain reads its own absl flags, which are parsed only by absl's app.run.
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    # Clips are already read in parallel, so OpenCV's own threads would only oversubscribe the cores.
    cv2.setNumThreads(0)
    stream = grain.MapDataset.range(positions.start, positions.stop)
    stream = stream.map(functools.partial(load, watch=watch)).batch(size)[share]
    options = grain.ReadOptions(
        num_threads=threads, prefetch_buffer_size=max(threads, BUFFERED_BATCHES) if threads else 0
    )
    return iter(stream.to_iter_dataset(options))
