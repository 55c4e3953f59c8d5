"""Decodes whole files in processes of their own, so that a file that hangs or crashes a decoder is merely a bad file.

The processes are started as programs, not forked or spawned: they import `check_process` only, never the main program
with its jax, and talk in lines of JSON over pipes.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from multiprocessing import connection

from albar_jax.errors import StorageError, UserError
from albar_jax.processes.stops import LOOK_SECONDS, Stops

_PROGRAM = "albar_jax.data.check_process"
_ROOT = pathlib.Path(__file__).parents[2]
# Signals by which a decoder that crashes ends its process. Any other came from outside: from the system, which kills
# processes if memory is short, or from someone.
_CRASHES = {
    signal.Signals[f"SIG{name}"] for name in ("ABRT", "BUS", "FPE", "ILL", "SEGV", "SYS", "TRAP")
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The video at `path` has `frames` frames that can all be read; if not, `reason` says why and `frames` is 0.

    Attributes:
      crashed: the decoder ended the process that read it. Nobody else did: it was neither late nor killed from outside.
      killed: the process that read it was killed from outside, twice. Another try may read it.
    """

    path: str
    frames: int
    reason: str = ""
    crashed: bool = False
    killed: bool = False


def check(paths: Iterable[str], *, jobs: int, deadline: float) -> Iterator[Verdict]:
    """Yields a verdict on each video, in the order of completion.

    A video whose process is killed from outside is read once more, in a new process.

    Args:
      paths: anything that `decode.open_video` opens by name; consumed lazily.
      jobs: number of processes.
      deadline: time limit per video in seconds; a video that takes longer is bad.

    Raises:
      UserError: the processes cannot start at all.
      StorageError: the system failed to read a video, which is no verdict on it.
    """
    waiting = iter(paths)
    read_again: set[str] = set()
    workers = [_Worker(deadline) for _ in range(jobs)]
    try:
        busy = {worker.begin(path): worker for worker, path in zip(workers, waiting, strict=False)}
        while busy:
            ready = connection.wait(list(busy), LOOK_SECONDS)
            # A stopped process does not receive its alarm either.
            for worker in [] if ready else busy.values():
                worker.stops.look()
            for pipe in ready:
                worker = busy.pop(pipe)
                verdict = worker.verdict()
                if verdict.killed and verdict.path not in read_again:
                    read_again.add(verdict.path)
                    busy[worker.begin(verdict.path)] = worker
                    continue
                yield verdict
                for path in waiting:
                    busy[worker.begin(path)] = worker
                    break
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process that reads one video after another, and its successors after each that kills it."""

    def __init__(self, deadline: float):
        self._deadline = deadline
        self._process: subprocess.Popen | None = None
        self._has_answered = False
        self._starts = 0
        self._path = ""

    def begin(self, path: str):
        """Sends a path, and returns the pipe that is readable once the verdict is in."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = self._start()
            self.stops = Stops(self._process.pid)
        self._path = os.fspath(path)
        with contextlib.suppress(BrokenPipeError):  # it died this very moment: `verdict` finds out
            self._process.stdin.write(json.dumps(self._path).encode() + b"\n")
        return self._process.stdout

    def verdict(self) -> Verdict:
        """Waits for the verdict on the path sent last."""
        line = self._process.stdout.readline()
        # A process that dies may leave a partial line.
        if line.endswith(b"\n"):
            self._has_answered = True
            frames, reason = json.loads(line)
            if frames is None:
                raise StorageError(reason)
            return Verdict(self._path, frames, reason)
        status = self._process.wait()
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

    def _start(self) -> subprocess.Popen:
        self._starts += 1
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            # -P: never import a module from the current folder, which may be untrusted.
            [sys.executable, "-P", "-m", _PROGRAM, str(self._deadline), *_parent()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders chatter about damage
            bufsize=0,
            env=os.environ | {"PYTHONPATH": path},
            process_group=0,  # Ctrl-C reaches all of the terminal's group; the main process decides
        )

    def _cause_of_death(self, status: int) -> str:
        if status >= 0:
            return f"its decoder exits with status {status}"
        name = _name_of(-status)
        if -status == signal.SIGALRM:
            return f"it takes longer than {self._deadline:g} s to read"
        if -status in _CRASHES:
            return f"it crashes its decoder ({name})"
        why = ", perhaps for its memory" if -status == signal.SIGKILL else ""
        return f"the process that read it was killed twice ({name}){why}; repeat the command to try again"


def _name_of(number: int) -> str:
    """Returns the name of a signal; real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _parent() -> list[str]:
    """Returns the id of this process if its children must end with the calling thread."""
    return [str(os.getpid())] if threading.current_thread() is threading.main_thread() else []
