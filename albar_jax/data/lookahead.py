"""Computes results a few items ahead in threads, such as many small disk queries at once.

A mounted bucket takes 0.1 s to answer each query.
"""

import collections
import contextlib
import functools
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

_THREADS = 32
# Seconds between two looks at whether the consumer has stopped.
_TICK = 0.5


def map_ahead(
    function: Callable[[In], Out],
    items: Iterable[In],
    *,
    threads: int = _THREADS,
    ahead: int = 4 * _THREADS,
) -> Generator[Out, None, None]:
    """Yields `function(item)` for each item in order; threads compute a few items ahead.

    Args:
      function: computes a result; several threads call it at the same time.
      items: its arguments; consumed lazily.
      threads: number of threads, at least 1.
      ahead: number of results that may wait to be used, at least 1.

    Raises:
      Exception: whatever `function` raises, when its result is due.
    """
    waiting: collections.deque[Future[Out]] = collections.deque()

    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()

            while waiting:
                yield waiting.popleft().result()
        finally:
            # The caller may stop early.
            for future in waiting:
                future.cancel()


def chain_ahead(
    function: Callable[[In], Iterator[Out]],
    items: Iterable[In],
    *,
    threads: int,
    ahead: int,
) -> Generator[Out, None, None]:
    """Yields all results of `function(item)` for each item in order; threads compute ahead.

    Each iterator is consumed by one thread. If the caller stops early, it must close this
    generator: the threads wait for it.

    Args:
      function: returns an iterator of results.
      items: its arguments; `threads` of them are begun at the same time.
      threads: number of threads, at least 1.
      ahead: number of results of each item that may wait to be used, at least 1.

    Raises:
      Exception: whatever an iterator raises, when its result is due.
    """
    is_closed = threading.Event()
    waiting: collections.deque[Handover[Out]] = collections.deque()

    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                results: Handover[Out] = Handover(ahead, is_closed)
                pool.submit(results.fill, functools.partial(function, item))
                waiting.append(results)
                if len(waiting) == threads:
                    yield from waiting.popleft()

            while waiting:
                yield from waiting.popleft()
        finally:
            is_closed.set()


class Handover(Generic[Out]):
    """A bounded queue of results, from one or several threads to one consumer.

    Args:
      most: number of results that may wait.
      is_closed: set when the consumer has stopped.
      producers: number of threads that call `fill`.
    """

    def __init__(self, most: int, is_closed: threading.Event, producers: int = 1):
        # An exception is raised again for the consumer. None ends the results of a thread.
        self._queue: queue.Queue[tuple[Out] | BaseException | None] = queue.Queue(most)
        self._is_closed = is_closed
        self._producers = producers

    def fill(self, produce: Callable[[], Iterator[Out]]) -> None:
        """Computes results; runs in a thread."""
        try:
            for result in produce():
                if not self._put((result,)):
                    return
            self._put(None)
        # `__iter__` raises it for the consumer.
        except BaseException as error:
            self._put(error)

    def __iter__(self) -> Iterator[Out]:
        running = self._producers
        while running:
            entry = self._queue.get()
            if entry is None:
                running -= 1
            elif isinstance(entry, BaseException):
                raise entry
            else:
                yield entry[0]

    def _put(self, entry: tuple[Out] | BaseException | None) -> bool:
        """Waits until the consumer takes an earlier result; returns False after it has stopped."""
        while not self._is_closed.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(entry, timeout=_TICK)
                return True
        return False
