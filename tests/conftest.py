"""Tiny data and configs that several tests share."""

import contextlib
import gc
import importlib.metadata
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

# Tests compile much and run little. Without optimizations, code compiles in a third of the time but
# runs more slowly. Child processes inherit the flags, so that their results are bit-identical. XLA
# ends a process that passes a flag which XLA has removed.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_backend_optimization_level=0"
    + " --xla_cpu_use_fusion_emitters=false" * importlib.metadata.version("jax").startswith("0.10.")
)

import pytest

from albar_jax.toy import quickstart as world
from albar_jax.wiring import run_training
from configs import quickstart

# Shells start background jobs with Ctrl-C ignored, and so would be all programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Makes garbage collection rare: tracing creates millions of objects that stay in use."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory) -> None:
    """Sets a compilation cache for child processes; this process has imported JAX and has none.

    It also keeps the programs that compile fast.
    """
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(tmp_path_factory.mktemp("compiled"))
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """Resets the priority of this process after a test.

    SVT-AV1's encoder gives root's processes real-time priority, which would starve all others.
    """
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture(scope="session")
def world_dir(tmp_path_factory) -> Path:
    """A quickstart world of 40 training and 16 test clips: real files on disk."""
    out = tmp_path_factory.mktemp("world") / "quickstart"
    world.make(out, seed=0, num_train=40, num_test=16, bias=0.85, num_processes=1)
    return out


@pytest.fixture(scope="session")
def tiny_config(world_dir):
    """A function: the quickstart config of these methods, shrunk to a few steps of a few clips."""

    def make(tokens: str = "ce", **changes):
        config = quickstart.get_config(tokens)
        config.update_from_flattened_dict(tiny_changes(world_dir) | changes)
        return config

    return make


def tiny_changes(world_dir: Path) -> dict:
    """Six steps of four clips, saved every second step: an epoch has eight.

    The network is the smallest, because tracing and compiling it takes most of the time.
    """
    return {
        "model.preset": "nano",
        "data.manifest": str(world_dir / "manifest.csv"),
        "eval.batch_size": 8,
        "batch_size": 4,
        "train.steps": 6,
        "train.save_every_epochs": 0.25,
        "train.log_every_steps": 2,
        "loader.threads": 0,
        # Kept frames would hide the disks and videos that tests damage.
        "loader.keep_mb": 0,
    }


@pytest.fixture(scope="session")
def tiny_flags(world_dir) -> list[str]:
    """The same changes as options of `albar train`."""
    return [f"--config.{name}={value}" for name, value in tiny_changes(world_dir).items()]


@pytest.fixture(scope="session")
def trained(tiny_config, tmp_path_factory) -> Path:
    """The folder of a finished run."""
    workdir = tmp_path_factory.mktemp("trained") / "ce"
    assert run_training.run(tiny_config("ce"), str(workdir)) == 0
    return workdir


@pytest.fixture
def listener():
    """Listens on a local port; yields the port and the list of received requests."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    heard.append(connection.recv(100))
                    connection.close()

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
