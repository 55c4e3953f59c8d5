import fcntl
import os
import pathlib
import signal
import sys
import threading

import pytest

from albar_jax import cli

# For `import barcode`.
sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture(scope="session")
def films() -> pathlib.Path:
    """Returns the folder of the committed barcode films; see make_fixtures.py."""
    return pathlib.Path(__file__).parent / "fixtures"


@pytest.fixture
def prepare(tmp_path, capsys):
    """Returns a function that prepares, and returns the status and everything printed."""

    def run(arguments, *flags):
        status = cli.call("prepare", [*arguments, "--out", str(tmp_path / "out"), *flags])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


@pytest.fixture
def hanging(tmp_path):
    """Returns a file whose opening blocks: Linux waits for the lease that this process has on it.

    The block ends after /proc/sys/fs/lease-break-time, 45 s, or when the test calls
    `hanging.release()`.
    """
    path = _Leased(tmp_path / "hanging.avi")
    # SIGIO asks this process to return the lease.
    handler = signal.signal(signal.SIGIO, signal.SIG_IGN)
    yield path
    path.release()
    signal.signal(signal.SIGIO, handler)


@pytest.fixture
def disk_for_two(monkeypatch):
    """Returns a function after which queries of two files succeed only if they overlap in time."""

    def make(paths: list[str]) -> None:
        stat, both = os.stat, threading.Barrier(2)

        def slow(path, *args, **options):
            if path in paths:
                # Raises BrokenBarrierError if the other query does not come.
                both.wait(timeout=5)
            return stat(path, *args, **options)

        monkeypatch.setattr(os, "stat", slow)

    return make


class _Leased(str):
    """The path of a file on which this process has a lease."""

    def __new__(cls, path: pathlib.Path):
        path.touch()
        leased = super().__new__(cls, path)
        leased._file = os.open(path, os.O_RDWR)
        fcntl.fcntl(leased._file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return leased

    def write(self, content: bytes) -> None:
        os.write(self._file, content)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
