"""The training loop of the heads: killed, stopped and resumed to the bit, and jitted once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from albar_jax.downstream import loop
from albar_jax.downstream.base import Evaluation
from albar_jax.downstream.progress import Progress
from albar_jax.errors import UserError
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.run_log import read_history
from tests.downstream.linear_head import LinearHead, outcome, train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed")
    return workdir, train(workdir)


def start(workdir):
    command = [sys.executable, "-m", "tests.downstream.linear_head", str(workdir)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def newest_step(workdir):
    names = (path.name for path in workdir.glob("checkpoints/*"))
    return max((int(name) for name in names if name.isdigit()), default=0)


def wait_for_step(workdir, step, process):
    deadline = time.monotonic() + 120
    while newest_step(workdir) < step:
        assert process.poll() is None, "the program ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.005)


def history(workdir):
    return (Path(workdir) / "metrics.jsonl").read_bytes()


def test_killed_training_resumes_to_the_same_bits(undisturbed, tmp_path):
    for step in (5, 20):
        process = start(tmp_path)
        wait_for_step(tmp_path, step, process)
        process.kill()
        assert process.wait() == -signal.SIGKILL

    assert 0 < newest_step(tmp_path) < LinearHead.num_steps
    resumed = train(tmp_path)
    workdir, whole = undisturbed
    assert outcome(resumed) == outcome(whole)
    assert history(tmp_path) == history(workdir)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_stopped_training_saves_first_and_resumes_to_the_same_bits(name, undisturbed, tmp_path):
    head = SignalsItself(7, signal.Signals[name])
    stopped = train(tmp_path, head)

    # Batches are made ahead, so the signal arrives up to a few steps before step 7.
    assert stopped.progress.stopped_by == name
    assert 0 < stopped.progress.step <= 7
    assert newest_step(tmp_path) == stopped.progress.step
    # Within an epoch: the metrics of its finished steps are saved.
    assert len(stopped.progress.rows) == stopped.progress.step % LinearHead.steps_per_epoch

    resumed = train(tmp_path)
    workdir, whole = undisturbed
    assert outcome(resumed) == outcome(whole)
    assert history(tmp_path) == history(workdir)


class SignalsItself(LinearHead):
    """Sends a signal to this process when the batch of a step is made."""

    def __init__(self, step, number):
        super().__init__()
        self._step = step
        self._number = number

    def batch(self, step):
        if step == self._step:
            os.kill(os.getpid(), self._number)
            # The main thread handles signals between its own steps.
            time.sleep(0.05)
        return super().batch(step)


def test_other_seeds_give_other_weights(undisturbed, tmp_path):
    other, _ = outcome(train(tmp_path, LinearHead(seed=1)))
    assert other != outcome(undisturbed[1])[0]


def test_step_is_traced_once(tmp_path):
    head = LinearHead()
    train(tmp_path, head)
    assert head.num_traced == 1


def test_batch_of_another_shape_is_an_error(tmp_path):
    class Ragged(LinearHead):
        def batch(self, step):
            batch = super().batch(step)
            return batch if step < 3 else {name: rows[:4] for name, rows in batch.items()}

    with pytest.raises(TypeError):
        train(tmp_path, Ragged())


def test_loss_that_is_not_finite_stops_the_training_and_keeps_the_checkpoint(tmp_path):
    class Diverges(LinearHead):
        def batch(self, step):
            batch = dict(super().batch(step))
            if step == 12:
                batch["x"] = batch["x"] * np.nan
            return batch

    with pytest.raises(UserError, match="loss/total is nan at step 13"):
        train(tmp_path, Diverges())
    assert newest_step(tmp_path) == 10


def test_each_epoch_is_logged_with_its_mean_loss_and_test(undisturbed):
    workdir, _ = undisturbed
    rows = read_history(workdir)
    steps = [row["step"] for row in rows]
    assert steps == list(range(5, LinearHead.num_steps + 1, 5))
    assert all({"loss/total", "test/accuracy"} <= set(row) for row in rows)


def test_best_test_is_the_first_of_the_highest_and_its_checkpoint_is_kept(undisturbed):
    workdir, result = undisturbed
    rows = read_history(workdir)
    accuracies = [row["test/accuracy"] for row in rows]
    first_best = rows[int(np.argmax(accuracies))]["step"]

    assert result.progress.best == {"accuracy": max(accuracies)}
    assert result.progress.best_step == first_best
    checkpoints = Checkpoints(workdir, read_only=True)
    assert checkpoints.find("best") == first_best
    state = loop.restore(LinearHead(), checkpoints, first_best)
    assert LinearHead().evaluate(state).figures == result.progress.best


def test_head_that_is_tested_at_the_end_has_one_test(tmp_path):
    head = LinearHead()
    result = train(tmp_path, head, tests_each_epoch=False)
    tested = [row["step"] for row in read_history(tmp_path) if "test/accuracy" in row]
    assert tested == [head.num_steps]
    assert result.evaluation.figures == result.progress.last == result.progress.best


def test_undefined_figure_is_never_the_best():
    progress = Progress(step=3, num_steps=9)
    assert not progress.add_test(Evaluation({"roc_auc": None}, {}))
    assert progress.add_test(Evaluation({"roc_auc": 50.0}, {}))
    assert not progress.add_test(Evaluation({"roc_auc": None}, {}))
    assert (progress.best, progress.best_step) == ({"roc_auc": 50.0}, 3)


def test_finished_training_is_not_repeated(undisturbed):
    workdir, whole = undisturbed
    before = history(workdir)
    again = train(workdir)
    assert again.evaluation is None
    assert outcome(again) == outcome(whole)
    assert history(workdir) == before
