"""Decodes whole files in separate processes, so that a decoder that hangs or crashes does no harm.

The processes are started as programs, not forked or spawned. They import only `check_process`,
never the main program with its jax, and exchange lines of JSON over pipes.
"""

import contextlib
import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import IO, cast

from albar_jax.data.failures import late
from albar_jax.errors import StorageError, UserError
from albar_jax.processes import program
from albar_jax.processes.readable import wait_until_readable
from albar_jax.processes.stops import LOOK_SECONDS, Stops

_PROGRAM = "albar_jax.data.check_process"
# Signals by which a decoder that crashes ends its process. Any other signal came from outside: from
# a person, or from the system, which kills processes if memory is short.
_CRASHES = {
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGSEGV,
    signal.SIGSYS,
    signal.SIGTRAP,
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of checking one video.

    Attributes:
      path: path of the video.
      frames: number of frames if all can be read, else 0.
      reason: why the video is bad; "" for a good one.
      crashed: whether the decoder ended its process. It was neither late nor killed from outside.
      killed: whether the process was killed from outside, twice. Another try may read the video.
    """

    path: str
    frames: int
    reason: str = ""
    crashed: bool = False
    killed: bool = False


def check(paths: Iterable[str], *, jobs: int, deadline: float) -> Generator[Verdict, None, None]:
    """Yields a verdict on each video, in the order of completion.

    A video whose process is killed from outside is read once more, in a new process.

    Args:
      paths: anything that `decode.open_video` opens by name; consumed lazily.
      jobs: number of processes.
      deadline: time limit per video in seconds; a video that takes longer is bad.

    Raises:
      UserError: the processes cannot start at all.
      StorageError: the system failed to read a video, so there is no verdict on it.
    """
    waiting = iter(paths)
    workers = [_Worker(deadline) for _ in range(jobs)]
    try:
        yield from _check_all(waiting, workers)
    finally:
        for worker in workers:
            worker.stop()


def _check_all(waiting: Iterator[str], workers: list["_Worker"]) -> Iterator[Verdict]:
    """Keeps all workers busy until no path is left."""
    read_again: set[str] = set()
    # The workers that are reading a video, by the pipe of their answers.
    busy = {worker.begin(path): worker for worker, path in zip(workers, waiting, strict=False)}

    while busy:
        ready = wait_until_readable(list(busy), LOOK_SECONDS)
        # A stopped process does not receive its alarm either, so it is continued here.
        if not ready:
            for worker in busy.values():
                worker.stops.look()

        for pipe in ready:
            worker = busy.pop(pipe)
            verdict = worker.verdict()
            if verdict.killed and verdict.path not in read_again:
                read_again.add(verdict.path)
                busy[worker.begin(verdict.path)] = worker
                continue

            yield verdict

            # Only after the caller has the verdict, because the next path may depend on it.
            path = next(waiting, None)
            if path is not None:
                busy[worker.begin(path)] = worker


class _Worker:
    """A process that checks one video after another; a new process replaces one that dies."""

    def __init__(self, deadline: float):
        self._deadline = deadline
        self._process: subprocess.Popen[bytes] | None = None
        self._has_answered = False
        self._starts = 0
        self._path = ""

    def begin(self, path: str) -> IO[bytes]:
        """Sends a path and returns the pipe that becomes readable when the verdict is there."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            process = self._start()
            self.stops = Stops(process.pid)
            # `_start` requests both pipes.
            self._paths = cast(IO[bytes], process.stdin)
            self._answers = cast(IO[bytes], process.stdout)
            self._process = process

        self._path = os.fspath(path)
        # The process may die at this moment; then `verdict` notices it.
        with contextlib.suppress(BrokenPipeError):
            self._paths.write(json.dumps(self._path).encode() + b"\n")

        return self._answers

    def verdict(self) -> Verdict:
        """Waits for the verdict on the last path."""
        line = self._answers.readline()
        # A process that dies may leave a partial line.
        if line.endswith(b"\n"):
            self._has_answered = True
            frames, reason = json.loads(line)
            if frames is None:
                raise StorageError(reason)
            return Verdict(self._path, frames, reason)

        # `begin` has started it.
        process = cast(subprocess.Popen[bytes], self._process)
        status = process.wait()
        self.stop()

        # A signal that comes during the imports may end as an exception of the import: status 1.
        failed_to_start = status > 0 and not self._has_answered
        if failed_to_start and self._starts > 1:
            raise UserError(
                f"a checking process ends with status {status}; `{self._command}` shows why"
            )

        crashed = not failed_to_start and (status >= 0 or -status in _CRASHES)
        killed = not crashed and -status != signal.SIGALRM
        return Verdict(self._path, 0, self._cause_of_death(status), crashed, killed)

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    @property
    def _command(self) -> str:
        return shlex.join([sys.executable, "-m", _PROGRAM, str(self._deadline)])

    def _start(self) -> subprocess.Popen[bytes]:
        self._starts += 1
        return subprocess.Popen(
            program.command(_PROGRAM, str(self._deadline), *_parent()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Decoders print many messages about damage.
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=program.environment(),
            # Ctrl-C reaches all processes of the terminal's group. Only the main process decides.
            process_group=0,
        )

    def _cause_of_death(self, status: int) -> str:
        if status >= 0:
            return f"its decoder exits with status {status}"
        if -status == signal.SIGALRM:
            return late(self._deadline)

        name = _name_of(-status)
        if -status in _CRASHES:
            return f"it crashes its decoder ({name})"

        guess = ", perhaps because memory is short" if -status == signal.SIGKILL else ""
        return (
            f"the process that read it was killed twice ({name}){guess}; repeat the command to try "
            "again"
        )


def _name_of(number: int) -> str:
    """Returns the name of a signal; real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _parent() -> list[str]:
    """Returns the id of this process if its children must end with the calling thread."""
    if threading.current_thread() is threading.main_thread():
        return [str(os.getpid())]
    return []
