"""A stream of batches read by Grain's threads and worker processes, which outlives a video that kills a worker."""

import atexit
import logging
import re
import signal
import sys
import tempfile
import weakref
from collections.abc import Iterator, Sequence

from albar_jax.data import shared_memory
from albar_jax.data.check import check
from albar_jax.data.failure_arrays import FAULT, text_of
from albar_jax.data.grain_stream import Batch, Load, call_shielded, dataset, finish_unlinking, unlink
from albar_jax.data.watch import Watch, rows
from albar_jax.errors import StorageError, UserError
from albar_jax.escapes import notify, printable

SHARED_BYTES = 1 << 20  # larger arrays come from workers by shared memory, a file each; the others by a pipe
CHECK_SECONDS = 60.0  # for a video that may have killed a worker

_OPEN: "weakref.WeakSet[Batches]" = weakref.WeakSet()
_DEATH = re.compile(r"Worker process was terminated unexpectedly with exit code (-?\d+)")


class Batches(Iterator[Batch]):
    """A finite iterator of batches that notes unreadable videos; close it, or use it as a context manager.

    A batch is a dict of arrays: video uint8 (b, T, H, W, 3); label int32 (b,); valid float32 (b,),
    0 for padding and for unreadable videos, whose frames are black; index int32 (b,), the row of
    the manifest, -1 for padding; and auxiliary inputs, see `companions`.

    When a worker process dies, each video that it was reading is read again in a separate process.
    Videos that crash that process, too, count as unreadable from then on. The stream resumes at the
    next batch. Its other clips are bit-identical, because `load` is a pure function.

    Raises:
      UserError: a worker died and no video is to blame.
      StorageError: the system failed to read a video of the batch.
    """

    # A worker that hangs is not noticed. None has been seen to: pipes and devices are never opened, and ffmpeg comes to
    # an end with every file. How long is too long would depend on disk and network, and a limit passed by mistake would
    # leave out sound videos; `prepare --check` has such a limit, and finds a film that hangs before a run does.

    def __init__(
        self,
        load: Load,
        length: int,
        size: int,
        paths: Sequence[str],
        *,
        workers: int,
        threads: int,
        batch_bytes: int = 0,
    ):
        self.failures: dict[str, str] = {}  # path -> reason, of all batches so far
        self._load = load
        self._length = length
        self._size = size
        self._paths = paths
        workers = shared_memory.usable_workers(workers)
        self._reading = {"workers": workers, "threads": threads}
        self._done = 0
        self._banned: dict[str, str] = {}
        self._shared = shared_memory.reserve(batch_bytes, workers) if workers else 0
        self._open()
        _OPEN.add(self)

    def __len__(self) -> int:
        return self._length

    def __next__(self) -> Batch:
        while True:
            try:
                batch = self._next()
                break
            except RuntimeError as error:
                death = _DEATH.search(str(error))
                if death is None:
                    raise
                self._recover(int(death[1]), error)
        self._done += 1
        unlink(batch)
        for index, reason in zip(batch["index"], batch.pop("reason"), strict=True):
            if reason.any():
                path, text = self._paths[index], text_of(reason)
                if text.startswith(FAULT):
                    raise StorageError(text.removeprefix(FAULT))
                self.failures[path] = f"{path}: {text}"
        return batch

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """Stops threads and workers, and unlinks the shared memory of unused batches."""
        if self._iterator is None:
            return
        self._iterator.close()
        self._iterator = None
        if self._notes:
            self._notes.cleanup()
            finish_unlinking()
        self._release()

    def _release(self) -> None:
        shared_memory.release(self._shared)
        self._shared = 0

    def _open(self) -> None:
        """Starts reading at batch number `_done`."""
        self._notes = tempfile.TemporaryDirectory(prefix="albar_jax_") if self._reading["workers"] else None
        watch = Watch(self._notes and self._notes.name, dict(self._banned))
        positions = range(self._done * self._size, self._length * self._size)
        # Read the next batch through a pipe: this works however full the shared memory is.
        limit = SHARED_BYTES if self._shared else sys.maxsize
        self._iterator = iter(dataset(self._load, watch, positions, self._size, limit, **self._reading))
        self._has_started = not self._reading["workers"]

    def _next(self) -> Batch:
        if self._has_started:
            return next(self._iterator)
        self._has_started = True
        return call_shielded(self._iterator.__next__)

    def _do_without_shared_memory(self) -> None:
        """Restarts the stream with pipes after a worker died because shared memory was full."""
        note = f"note: {shared_memory.FOLDER} is full; batches now go through pipes"
        notify(note)
        self._iterator.close()
        self._notes.cleanup()
        self._release()
        self._open()

    def _recover(self, exit_code: int, error: RuntimeError) -> None:
        """Bans the videos that killed a worker and starts anew; raises UserError if there are none."""
        if exit_code == -signal.SIGBUS and self._shared:
            self._do_without_shared_memory()
            return
        # The workers that live finish what they are reading, and take back their notes. A batch that the dead one had
        # not yet announced stays in shared memory until this process ends: nobody else knows its name.
        self._iterator.close()
        suspects = sorted({self._paths[row] for row in rows(self._notes.name)})
        self._notes.cleanup()
        verdicts = check(suspects, jobs=1, deadline=CHECK_SECONDS)
        culprits = {verdict.path: verdict.reason for verdict in verdicts if verdict.crashed}
        if not culprits:
            reading = (
                f"it was reading {', '.join(suspects[:4])}, which crash nothing when read alone; " if suspects else ""
            )
            raise UserError(
                f"a data worker process died with exit code {exit_code}; {reading}if it was killed for its memory use "
                f"fewer workers, and with 0 workers the main process shows what crashes"
            ) from error
        for path, reason in culprits.items():
            logging.warning(
                "a data worker died of %s, which is left out from now on: %s", printable(path), printable(reason)
            )
        self._banned |= culprits
        self._open()


@atexit.register
def close_all() -> None:
    """Closes all open streams.

    Called before exit, while the modules that closing needs still exist.
    """
    for batches in list(_OPEN):
        batches.close()
