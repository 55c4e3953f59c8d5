"""Runs independent tasks in several processes, or in the current one."""

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

# Tasks of a process: the current one, and a next one so that it never waits.
_MAX_TASKS_PER_WORKER = 2
# Seconds that a process has to finish its task after another one has failed.
_PATIENCE_SECONDS = 5.0


def run(
    work: Callable[[Task], Result], tasks: Iterable[Task], jobs: int
) -> Iterator[tuple[Task, Result]]:
    """Runs a function on each task, in parallel.

    A process that was suspended is continued.

    Args:
      work: the function. It is sent once to each process, so it may be large. An exception in it
        ends all processes.
      tasks: its arguments.
      jobs: number of processes; 1 runs the tasks in the current process.

    Yields:
      Each task with its result, in the order in which they finish.

    Raises:
      UserError: a process died because a decoder crashed or the memory was full.
    """
    if jobs == 1:
        for task in tasks:
            yield task, work(task)
        return

    waiting = iter(tasks)
    first = list(itertools.islice(waiting, jobs))
    crew = {Worker(functools.partial(_serve, work)): collections.deque([task]) for task in first}
    try:
        # Each worker gets its first task before any worker gets a second one.
        for worker, held in crew.items():
            worker.send(held[0])
        for worker, held in crew.items():
            _send_tasks(worker, held, waiting)

        while busy := [worker for worker, held in crew.items() if held]:
            for worker in wait(list(crew), busy):
                result = worker.receive()
                task = crew[worker].popleft()
                _send_tasks(worker, crew[worker], waiting)
                yield task, result
    except DeadWorkerError as death:
        raise UserError(
            f"a process died with exit code {death.exit_code}: a video crashed its decoder, or the "
            "memory was full; find such videos with `albar prepare --check`, or use "
            "fewer --jobs; the same command resumes"
        ) from None
    finally:
        _end(crew)


def _send_tasks(worker: Worker, held: collections.deque, waiting: Iterator) -> None:
    """Sends a worker more tasks, up to the number that it may hold."""
    for task in itertools.islice(waiting, _MAX_TASKS_PER_WORKER - len(held)):
        held.append(task)
        worker.send(task)


def _end(crew: dict[Worker, collections.deque]) -> None:
    """Ends all workers. Those with tasks have _PATIENCE_SECONDS in total to finish."""
    for worker in crew:
        worker.hang_up()

    deadline = time.monotonic() + _PATIENCE_SECONDS
    for worker, held in crew.items():
        patience = max(0.0, deadline - time.monotonic()) if held else 0.0
        worker.close(patience=patience)


def _serve(work: Callable, channel: Channel) -> None:
    # `jobs` alone sets the number of busy cores.
    cv2.setNumThreads(1)

    for task in requests(channel):
        channel.send(work(task))
