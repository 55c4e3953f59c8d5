"""Claim: a killed or stopped process of synthesis never blocks the others."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.synthesis import workers


def of_large_results(act):
    """Returns work that calls `act` with each task and returns results of 300 kB."""

    def work(task: int) -> np.ndarray:
        act(task)
        return np.full(300_000, task % 251, np.uint8)

    return work


@pytest.mark.parametrize(
    ("end", "code"), [(lambda: os.kill(os.getpid(), signal.SIGKILL), -9), (lambda: os._exit(0), 0)]
)
def test_a_process_that_dies_ends_all_with_one_sentence(end, code):
    work = of_large_results(lambda task: end() if task == 5 else None)
    with pytest.raises(UserError, match=f"a process died with exit code {code}: .* fewer --jobs"):
        list(workers.run(work, range(1000), jobs=2))
    assert not multiprocessing.active_children()


def test_a_stopped_process_is_continued_and_all_tasks_are_done(capfd):
    work = of_large_results(
        lambda task: os.kill(os.getpid(), signal.SIGSTOP) if task == 5 else None
    )
    done = dict(workers.run(work, range(20), jobs=2))
    assert sorted(done) == list(range(20))
    assert all((result == task).all() for task, result in done.items())
    assert "is stopped (state T); continuing it" in capfd.readouterr().err


def test_an_exception_of_a_task_is_raised_with_its_traceback():
    def fail(task: int) -> None:
        raise UserError("a mistake")

    with pytest.raises(UserError) as caught:
        list(workers.run(fail, range(4), jobs=2))
    assert str(caught.value) == "a mistake"
    assert "in fail" in "".join(caught.value.__notes__)
