"""Does independent pieces of work in several processes, or in this one."""

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

import cv2

from albar_jax.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

_QUEUED = 4  # tasks for each process
_work: Callable | None = None  # in a process of the pool: what it does


def run(work: Callable[[Task], Result], tasks: Iterable[Task], jobs: int) -> Iterator[tuple[Task, Result]]:
    """Yields each task with its result as it is done, in any order; with `jobs` 1 nothing is started.

    `work` is sent once to each process, so it may hold much; what it raises ends all.

    Raises:
        UserError: a process died, of a decoder that crashed or for want of memory.
    """
    if jobs == 1:
        yield from ((task, work(task)) for task in tasks)
        return
    # Spawned, not forked: decoders do not survive a fork.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin, (work,))
    waiting, running = iter(tasks), {}
    try:
        running = {pool.submit(_do, task): task for task in itertools.islice(waiting, _QUEUED * jobs)}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
            running |= {pool.submit(_do, task): task for task in itertools.islice(waiting, len(done))}
    except BrokenProcessPool:
        raise UserError(
            "a process died, of a video that crashes its decoder or for want of memory; find such videos with "
            "--check of albar_jax.data.prepare, or give fewer --jobs; the same command goes on"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(work: Callable) -> None:
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the main one decides
    cv2.setNumThreads(1)  # there are as many processes as there shall be
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """Ends this process when the main one is killed, which it would not notice while it waits for work."""
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _do(task):
    return _work(task)
