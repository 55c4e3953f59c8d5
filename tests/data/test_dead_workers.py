"""Claim: a data worker that is killed or stopped at any moment never blocks the run."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from albar_jax.data.batches import Batches
from albar_jax.data.failure_arrays import reason_array
from albar_jax.errors import StorageError

# Below and above the buffer size of a pipe and a former limit of shared memory, and much larger.
SIZES = [(1 << 16) - 4096, 400_000, (1 << 20) + 1, 20_000_000]
LIMIT_SECONDS = 10.0


def batches_of(
    size: int, length: int = 10_000, workers: int = 2, threads: int = 1, act=lambda position: None
):
    """Returns batches of one array of `size` bytes.

    The worker calls `act` with the number of each batch.
    """

    def load(position, tracker):
        with tracker.reading(position, f"film{position}"):
            act(position)
            video = np.full(size, position % 251, np.uint8)
        return {"video": video, "index": np.int32(position), "reason": reason_array("")}

    return Batches(
        load, length, 1, [f"film{row}" for row in range(length)], workers=workers, threads=threads
    )


def pids() -> list[int]:
    return sorted(process.pid for process in multiprocessing.active_children())


def until_it_ends(batches) -> tuple[float, str]:
    """Reads until an error is raised; returns the duration and the message."""
    began = time.monotonic()
    with pytest.raises(StorageError) as caught:
        for _ in batches:
            pass
    return time.monotonic() - began, str(caught.value)


@pytest.mark.parametrize("size", SIZES)
def test_a_killed_worker_ends_the_stream_with_one_sentence(size):
    with batches_of(size) as batches:
        for number in range(5):
            batch = next(batches)
            assert batch["index"] == [number]
            assert batch["video"].shape == (1, size)
            assert (batch["video"] == number).all()
        os.kill(pids()[1], signal.SIGKILL)
        seconds, message = until_it_ends(batches)
    assert "a data worker process died with exit code -9" in message
    assert seconds < LIMIT_SECONDS
    assert not pids()


@pytest.mark.parametrize("size", [400_000, 20_000_000])
def test_a_worker_killed_while_the_main_process_reads_batch_after_batch_ends_the_stream(size):
    """The kill usually comes while the worker is sending, because it does nothing else."""
    for milliseconds in (7, 40):
        with batches_of(size) as batches:
            next(batches)
            killer = subprocess.Popen(
                ["sh", "-c", f"sleep 0.{milliseconds:03}; kill -9 {pids()[0]}"]
            )
            seconds, message = until_it_ends(batches)
            killer.wait()
        assert "exit code -9" in message
        assert seconds < LIMIT_SECONDS


@pytest.mark.parametrize("status", [0, 3])
def test_a_worker_that_exits_by_itself_ends_the_stream(status):
    with batches_of(
        100_000, act=lambda position: os._exit(status) if position == 5 else None
    ) as batches:
        _, message = until_it_ends(batches)
    assert f"exit code {status}" in message


def test_a_worker_that_dies_as_it_starts_ends_the_stream(tmp_path, monkeypatch):
    """The worker dies before it has read its task, which is long."""
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(7)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ballast = np.zeros(5_000_000)
    with batches_of(100, act=lambda position: ballast) as batches:
        seconds, message = until_it_ends(batches)
    assert "exit code 7" in message
    assert seconds < LIMIT_SECONDS


@pytest.mark.parametrize("size", [100_000, 2_000_000])
def test_a_stopped_worker_is_named_and_continued(size, capfd):
    with batches_of(size, length=60) as batches:
        first = [int(next(batches)["index"][0]) for _ in range(3)]
        stopped = pids()[0]
        os.kill(stopped, signal.SIGSTOP)
        rest = [int(batch["index"][0]) for batch in batches]
    assert first + rest == list(range(60))
    assert f"worker process {stopped} is stopped (state T)" in capfd.readouterr().err


def test_stopped_workers_end_with_the_stream():
    with batches_of(100_000) as batches:
        next(batches)
        for pid in pids():
            os.kill(pid, signal.SIGSTOP)
    assert not pids()


def test_a_mistake_in_a_worker_is_raised_with_its_traceback():
    def fail(position: int) -> None:
        raise KeyError("a mistake of ours")

    with (
        batches_of(100, act=fail) as batches,
        pytest.raises(KeyError, match="a mistake of ours") as caught,
    ):
        next(batches)
    assert "in fail" in "".join(caught.value.__notes__)


def test_training_saves_and_ends_when_a_worker_is_killed(tiny_flags, tmp_path):
    root = Path(__file__).parents[2]
    command = [
        sys.executable,
        str(root / "train.py"),
        f"--config={root / 'configs/quickstart.py:ce'}",
        *tiny_flags,
    ]
    more = {
        "train.steps": 100_000,
        "train.save_every_epochs": 1000,
        "train.log_every_steps": 1,
        "loader.workers": 2,
    }
    flags = [
        f"--workdir={tmp_path / 'run'}",
        *(f"--config.{name}={value}" for name, value in more.items()),
    ]
    with subprocess.Popen(
        [*command, *flags], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as main:
        log = tmp_path / "run" / "metrics.jsonl"
        while not log.exists() or not log.read_text().count("loss/total"):
            assert main.poll() is None
            time.sleep(0.05)
        workers = [
            child.pid
            for child in psutil.Process(main.pid).children()
            if "spawn_main" in str(child.cmdline())
        ]
        os.kill(workers[0], signal.SIGKILL)
        message = main.communicate(timeout=300)[1]
    assert main.returncode == 2
    last = message.replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("error: a data worker process died with exit code -9")
    assert "Traceback" not in message
    assert [
        path.name for path in (tmp_path / "run" / "checkpoints").iterdir() if path.name.isdigit()
    ]


PROGRAM = """
import os, sys, time
import numpy as np
from albar_jax.data.batches import Batches
from albar_jax.data.failure_arrays import reason_array

def load(position, tracker):
    return {"video": np.zeros(100_000, np.uint8), "index": np.int32(0), "reason": reason_array("")}

if __name__ == "__main__":
    with Batches(load, 10_000, 1, ["film"], workers=2, threads=1) as batches:
        if sys.argv[1] == "running":
            # One batch of each worker, so that both are past their imports.
            next(batches), next(batches)
        workers = __import__("multiprocessing").active_children()
        print(*(worker.pid for worker in workers), flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("state", ["starting", "running", "stopped"])
def test_workers_end_when_the_main_process_is_killed(tmp_path, state):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), "starting" if state == "starting" else "running"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as main:
        workers = [int(word) for word in main.stdout.readline().split()]
        assert len(workers) == 2
        if state == "stopped":
            os.kill(workers[0], signal.SIGSTOP)
        main.kill()
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
