"""Reads videos in threads, ahead of the model, in bounded memory."""

import collections
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from albar_jax.audit.reading import Job, Read

# Bytes of the clips that may wait for the model.
_MOST_BYTES = 1 << 30


def read_ahead(
    read: Callable[[Job], Read], jobs: Iterable[Job], threads: int, most_bytes: int = _MOST_BYTES
) -> Generator[Read, None, None]:
    """Yields the clips of each video, in order; threads read a few videos ahead.

    As many videos are read at a time as fit into `most_bytes`, if they are as large as the largest
    one so far. The first one is read alone, because no size is known.

    Args:
      read: reads a video; several threads call it.
      jobs: the videos.
      threads: number of threads, at least 1.
      most_bytes: limit on the memory of the clips that wait.

    Raises:
      StorageError: the system failed to read a file that may be intact.
    """
    waiting: collections.deque[Future[Read]] = collections.deque()
    ahead = 1
    largest = 1

    with ThreadPoolExecutor(threads) as pool:
        try:
            for job in jobs:
                while len(waiting) >= ahead:
                    done = waiting.popleft().result()
                    largest = max(largest, done.nbytes)
                    ahead = max(1, min(2 * threads, most_bytes // largest))
                    yield done
                waiting.append(pool.submit(read, job))

            while waiting:
                yield waiting.popleft().result()
        finally:
            # The caller may stop early.
            for future in waiting:
                future.cancel()
