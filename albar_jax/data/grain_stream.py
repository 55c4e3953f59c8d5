"""Runs a function over positions with Grain, in threads or processes, and frees shared memory."""

import functools
import gc
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import connection, resource_tracker

import cv2
import grain
import numpy as np
from absl import flags

# The type of arrays in batches from workers.
from grain._src.python.ipc.shared_memory_array import SharedMemoryArray

from albar_jax.data.watch import Watch

# Keys: video, label, valid, index, and auxiliary inputs.
Batch = dict[str, np.ndarray]
# Maps a position in the stream to an example.
Load = Callable[[int, Watch], Batch]

# Batches per worker; bounds host memory.
BUFFERED_BATCHES = 4


def dataset(load: Load, watch: Watch, positions: range, size: int, limit: int, *, workers: int, threads: int):
    """Runs `load` over the positions in order, in threads or in worker processes."""
    # Grain reads its own absl flags, which are parsed only by absl's app.run.
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    _one_cv2_thread()
    stream = grain.MapDataset.range(positions.start, positions.stop)
    stream = stream.map(functools.partial(load, watch=watch)).batch(size)
    options = grain.ReadOptions(
        num_threads=threads, prefetch_buffer_size=max(threads, BUFFERED_BATCHES) if threads else 0
    )
    stream = stream.to_iter_dataset(options)
    if not workers:
        return stream
    multi = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
    options = grain.experimental.DatasetOptions(min_shm_size=limit)
    stream = stream.mp_prefetch(multi, worker_init_fn=functools.partial(_start_worker, watch.folder))

    return grain.experimental.WithOptionsIterDataset(stream, options)


def unlink(batch: Batch) -> None:
    """Unlinks a batch's shared memory at once; it is freed with the arrays.

    Grain unlinks in a thread when an array is deleted. At exit that thread may not finish, and the
    resource tracker then warns of a leak.
    """
    for array in batch.values():
        if isinstance(array, SharedMemoryArray) and array._unlink_on_del:
            array._unlink_on_del = False
            array.shm.unlink()


def finish_unlinking() -> None:
    """Waits until Grain's thread has unlinked the prefetched batches."""
    # Frees the batches that the iterator still held.
    gc.collect()
    if SharedMemoryArray._del_thread_pool is not None:
        # The pool has one thread, so this call returns after all earlier ones.
        SharedMemoryArray._del_thread_pool.apply(int)


def call_shielded(function: Callable[[], Batch]) -> Batch:
    """Calls a function in a thread that blocks SIGINT and SIGTERM, for its child processes, too.

    Ctrl-C reaches all processes of the terminal, and a scheduler's SIGTERM all processes of the
    job. A worker ignores both only after it has imported this module.
    """
    # Start the tracker first: its start would unblock the signals.
    resource_tracker.ensure_running()
    shield = {"initializer": signal.pthread_sigmask, "initargs": (signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})}
    with ThreadPoolExecutor(1, **shield) as pool:
        return pool.submit(function).result()


def _start_worker(notes: str, *_) -> None:
    # The main process handles these signals and saves first. Workers end with it, see below.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_main_process, args=(notes,), daemon=True).start()
    _one_cv2_thread()


def _end_with_the_main_process(notes: str) -> None:
    # If the main process is killed, its workers would wait forever and keep their shared memory.
    connection.wait([multiprocessing.parent_process().sentinel])
    shutil.rmtree(notes, ignore_errors=True)
    os._exit(1)


def _one_cv2_thread() -> None:
    # Clips are read in parallel already, so OpenCV's own thread pool would only oversubscribe
    # cores.
    cv2.setNumThreads(0)
