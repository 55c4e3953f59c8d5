"""A stream of batches read by Grain's threads and worker processes, which outlives a video that kills a worker."""

import atexit
import functools
import gc
import logging
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection, resource_tracker

import cv2
import grain
import numpy as np
from absl import flags
from grain._src.python.ipc.shared_memory_array import SharedMemoryArray  # what batches from workers hold

from albar_jax.data import shared_memory
from albar_jax.data.check import check
from albar_jax.data.watch import Watch, rows
from albar_jax.errors import StorageError, UserError

Batch = dict[str, np.ndarray]  # video, label, valid, index, and what goes along with the clips
Load = Callable[[int, Watch], Batch]  # position in the stream -> example

REASON_BYTES = 1024  # a batch has arrays only, so the reason why a video could not be read travels as one
_FAULT = "\1"  # how the reason begins where the system failed, and not the video
SHARED_BYTES = 1 << 20  # larger arrays come from workers by shared memory, a file each; the others by a pipe
BUFFERED_BATCHES = 4  # per worker, so host memory stays bounded
CHECK_SECONDS = 60.0  # for a video that may have killed a worker

_OPEN: "weakref.WeakSet[Batches]" = weakref.WeakSet()
_DEATH = re.compile(r"Worker process was terminated unexpectedly with exit code (-?\d+)")


def reason_array(reason: str) -> np.ndarray:
    """Returns the array that a batch carries as "reason": why a video could not be read, "" if it could."""
    return _text_array(reason)


def fault_array(error: StorageError) -> np.ndarray:
    """Returns the array that a batch carries as "reason" where the system failed to read a video."""
    return _text_array(_FAULT + str(error))


def _text_array(reason: str) -> np.ndarray:
    return np.frombuffer(reason.encode(errors="replace")[:REASON_BYTES].ljust(REASON_BYTES, b"\0"), np.uint8)


class Batches(Iterator[Batch]):
    """A finite iterator of batches that notes unreadable videos; close it, or use it as a context manager.

    A batch is a dict of arrays: video uint8 (b, T, H, W, 3); label int32 (b,); valid float32 (b,), 0 for padding and
    for unreadable videos, whose frames are black; index int32 (b,), the row of the manifest, -1 for padding; and what
    goes along with the clips, see `companions`.

    A worker process that dies leaves behind which videos it was reading. Each is read again, in a process of its own.
    Those that crash that one too are unreadable videos from then on, and the stream goes on at the batch that was next,
    its other clips unchanged to the bit: `load` is a pure function.

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
        self._batch_bytes = batch_bytes
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
        _unlink(batch)
        for index, reason in zip(batch["index"], batch.pop("reason"), strict=True):
            if reason.any():
                path, text = self._paths[index], reason.tobytes().rstrip(b"\0").decode(errors="ignore")
                if text.startswith(_FAULT):
                    raise StorageError(text.removeprefix(_FAULT))
                self.failures[path] = f"{path}: {text}"
        return batch

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """Stops the threads and worker processes, and unlinks the shared memory of batches that nobody took."""
        if self._iterator is None:
            return
        self._iterator.close()
        self._iterator = None
        if self._notes:
            self._notes.cleanup()
            _finish_unlinking()
        self._release()

    def _release(self) -> None:
        shared_memory.release(self._shared)
        self._shared = 0

    def _open(self) -> None:
        """Starts reading at batch number `_done`."""
        self._notes = tempfile.TemporaryDirectory(prefix="albar_jax_") if self._reading["workers"] else None
        watch = Watch(self._notes and self._notes.name, dict(self._banned))
        positions = range(self._done * self._size, self._length * self._size)
        # Whatever is in the memory by now, a batch that goes by a pipe always comes.
        limit = SHARED_BYTES if self._shared else sys.maxsize
        self._iterator = iter(_dataset(self._load, watch, positions, self._size, limit, **self._reading))
        self._has_started = not self._reading["workers"]

    def _next(self) -> Batch:
        if self._has_started:
            return next(self._iterator)
        self._has_started = True
        return _call_shielded(self._iterator.__next__)

    def _do_without_shared_memory(self) -> None:
        """Starts anew with pipes: a worker has died because others have filled the shared memory."""
        print(f"note: {shared_memory.FOLDER} is full; from now on batches go by pipes", file=sys.stderr, flush=True)
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
            logging.warning("a data worker died of %s, which is left out from now on: %s", path, reason)
        self._banned |= culprits
        self._open()


@atexit.register
def close_all() -> None:
    """Closes what a program that ends has left open: later, Python has taken apart what closing needs."""
    for batches in list(_OPEN):
        batches.close()


def _dataset(load: Load, watch: Watch, positions: range, size: int, limit: int, *, workers: int, threads: int):
    """Runs `load` over the positions with Grain, in order, in threads of this process or of worker processes."""
    if not flags.FLAGS.is_parsed():  # Grain reads its own absl flags, which only absl's app.run parses
        flags.FLAGS.mark_as_parsed()
    _one_cv2_thread()
    dataset = grain.MapDataset.range(positions.start, positions.stop)
    dataset = dataset.map(functools.partial(load, watch=watch)).batch(size)
    options = grain.ReadOptions(
        num_threads=threads, prefetch_buffer_size=max(threads, BUFFERED_BATCHES) if threads else 0
    )
    dataset = dataset.to_iter_dataset(options)
    if not workers:
        return dataset
    multi = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
    options = grain.experimental.DatasetOptions(min_shm_size=limit)
    dataset = dataset.mp_prefetch(multi, worker_init_fn=functools.partial(_start_worker, watch.folder))
    return grain.experimental.WithOptionsIterDataset(dataset, options)


def _unlink(batch: Batch) -> None:
    """Takes the names of a batch's shared memory away at once; the memory itself goes with the arrays.

    Grain does both in a thread when an array is deleted. At the end of a program that thread may not come to it, and
    the resource tracker then warns of a leak.
    """
    for array in batch.values():
        if isinstance(array, SharedMemoryArray) and array._unlink_on_del:
            array._unlink_on_del = False
            array.shm.unlink()


def _finish_unlinking() -> None:
    """Waits until Grain's thread has unlinked the batches that were read ahead."""
    gc.collect()  # what the iterator still held
    if SharedMemoryArray._del_thread_pool is not None:
        SharedMemoryArray._del_thread_pool.apply(int)  # one thread: when it comes to this, all before is done


def _call_shielded(function: Callable[[], Batch]) -> Batch:
    """Calls a function in a thread which no Ctrl-C and no SIGTERM interrupts, nor the processes that it starts.

    Ctrl-C reaches all processes of the terminal, a scheduler's SIGTERM all of the job. A worker ignores them, but only
    once it has imported this module.
    """
    resource_tracker.ensure_running()  # its start would undo the shield
    shield = {"initializer": signal.pthread_sigmask, "initargs": (signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})}
    with ThreadPoolExecutor(1, **shield) as pool:
        return pool.submit(function).result()


def _start_worker(notes: str, *_) -> None:
    # The main process decides what they mean, and saves first. When it is gone, so is the worker, see below.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_main_process, args=(notes,), daemon=True).start()
    _one_cv2_thread()


def _end_with_the_main_process(notes: str) -> None:
    # One that is killed tells nobody. Its workers would wait for it for ever, and so would their shared memory.
    connection.wait([multiprocessing.parent_process().sentinel])
    shutil.rmtree(notes, ignore_errors=True)
    os._exit(1)


def _one_cv2_thread() -> None:
    # Clips are read in parallel already; a pool of OpenCV's own in each thread would only fight over the cores.
    cv2.setNumThreads(0)
