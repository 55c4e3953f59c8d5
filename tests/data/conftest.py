import fcntl
import os
import pathlib
import signal
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))  # for `import barcode`


@pytest.fixture(scope="session")
def films() -> pathlib.Path:
    """The folder of the committed barcode films; see make_fixtures.py."""
    return pathlib.Path(__file__).parent / "fixtures"


@pytest.fixture
def hanging(tmp_path):
    """A file that hangs whoever opens it: Linux makes them wait for the lease that this process has on it.

    It does so for /proc/sys/fs/lease-break-time, 45 s, or until the test calls `hanging.release()`.
    """
    path = _Leased(tmp_path / "hanging.avi")
    handler = signal.signal(signal.SIGIO, signal.SIG_IGN)  # asks for the lease back
    yield path
    path.release()
    signal.signal(signal.SIGIO, handler)


@pytest.fixture
def disk_for_two(monkeypatch):
    """A function: from now on, the disk tells about one of these two files only while it is asked about the other."""

    def make(paths: list[str]) -> None:
        stat, both = os.stat, threading.Barrier(2)

        def slow(path, *args, **options):
            if path in paths:
                both.wait(timeout=5)  # else BrokenBarrierError
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
