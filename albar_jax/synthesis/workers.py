"""Does independent pieces of work in several processes, or in this one."""

import collections
import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import cv2

from albar_jax.errors import UserError
from albar_jax.processes.channel import Channel
from albar_jax.processes.worker import DeadWorkerError, Worker, requests, wait

Task = TypeVar("Task")
Result = TypeVar("Result")

# Tasks that a process holds: the current one, and the next one so that it never waits.
_HELD = 2
# Seconds that a process has to finish its task after another one has failed.
_PATIENCE_SECONDS = 5.0


def run(
    work: Callable[[Task], Result], tasks: Iterable[Task], jobs: int
) -> Iterator[tuple[Task, Result]]:
    """Yields each task with its result when it is done, in any order; with `jobs` 1 no process is started.

    `work` is sent once to each process, so it may be large. An exception in it ends all processes. A
    process that was stopped is continued.

    Raises:
        UserError: a process died because a decoder crashed or the memory was full.
    """
    if jobs == 1:
        yield from ((task, work(task)) for task in tasks)
        return

    waiting = iter(tasks)
    first = list(itertools.islice(waiting, jobs))
    crew = {Worker(functools.partial(_serve, work)): collections.deque([task]) for task in first}
    try:
        for worker, held in crew.items():
            worker.send(held[0])
        for worker, held in crew.items():
            _give(worker, held, waiting)
        while busy := [worker for worker, held in crew.items() if held]:
            for worker in wait(list(crew), busy):
                result = worker.receive()
                task = crew[worker].popleft()
                _give(worker, crew[worker], waiting)
                yield task, result
    except DeadWorkerError as death:
        raise UserError(
            f"a process died with exit code {death.exit_code}: a video crashed its decoder, or the memory was full; "
            "find such videos with --check of `albar prepare`, or use fewer --jobs; the same command "
            "resumes"
        ) from None
    finally:
        _end(crew)


def _give(worker: Worker, held: collections.deque, waiting: Iterator) -> None:
    """Gives a worker more tasks, up to the number that it may hold."""
    for task in itertools.islice(waiting, _HELD - len(held)):
        held.append(task)
        worker.send(task)


def _end(crew: dict[Worker, collections.deque]) -> None:
    for worker in crew:
        worker.hang_up()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for worker, held in crew.items():
        worker.close(patience=max(0.0, deadline - time.monotonic()) if held else 0.0)


def _serve(work: Callable, channel: Channel) -> None:
    # `jobs` alone sets the number of busy cores.
    cv2.setNumThreads(1)
    for task in requests(channel):
        channel.send(work(task))
