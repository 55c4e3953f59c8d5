"""Reads examples in Grain's threads and stacks them to batches."""

import functools
from collections.abc import Iterator
from typing import Protocol, cast

import cv2
import grain
import numpy as np
from absl import flags

from albar_jax.data.in_flight import ReadTracker

# One example: video, label, valid, index, reason, and auxiliary inputs.
Example = dict[str, np.ndarray]
# A batch: the same keys, with a leading axis of examples.
Examples = dict[str, np.ndarray]
# Batches read ahead per process; bounds host memory.
BUFFERED_BATCHES = 4


class Load(Protocol):
    """A function that returns the example at a position of the stream."""

    def __call__(self, position: int, /, tracker: ReadTracker) -> Example:
        """Returns an example, as `loader` describes it."""
        ...


class BatchStream(Protocol):
    """An iterator of batches that can be closed."""

    def __iter__(self) -> Iterator[Examples]: ...

    def __next__(self) -> Examples: ...

    def close(self) -> None:
        """Stops the threads."""
        ...


def read_in_threads(
    load: Load,
    tracker: ReadTracker,
    positions: range,
    size: int,
    *,
    threads: int,
    share: slice = slice(None),
) -> BatchStream:
    """Calls `load` for the positions in threads and yields batches in order.

    Args:
      load: returns one example.
      tracker: passed to `load`.
      positions: positions of all batches, `size` each.
      size: examples per batch.
      threads: number of threads; 0 loads in the calling thread.
      share: the batches to read, as a slice of all batches.
    """
    # Grain reads its own absl flags, which are parsed only by absl's app.run.
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()

    # Clips are already read in parallel, so OpenCV's own threads would only oversubscribe the
    # cores.
    cv2.setNumThreads(0)

    # Grain refuses a buffer without threads.
    buffered = max(threads, BUFFERED_BATCHES) if threads else 0
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=buffered)

    examples = grain.MapDataset.range(positions.start, positions.stop)
    examples = examples.map(functools.partial(load, tracker=tracker))
    batches = examples.batch(size)[share]

    # Grain's type omits `close`.
    return cast(BatchStream, iter(batches.to_iter_dataset(options)))
