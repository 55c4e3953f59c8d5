"""Runs a function over positions with Grain, in threads or worker processes, and frees what their batches share."""

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
from grain._src.python.ipc.shared_memory_array import SharedMemoryArray  # what batches from workers hold

from albar_jax.data.watch import Watch

Batch = dict[str, np.ndarray]  # video, label, valid, index, and what goes along with the clips
Load = Callable[[int, Watch], Batch]  # position in the stream -> example

BUFFERED_BATCHES = 4  # per worker, so host memory stays bounded


def dataset(load: Load, watch: Watch, positions: range, size: int, limit: int, *, workers: int, threads: int):
    """Runs `load` over the positions with Grain, in order, in threads of this process or of worker processes."""
    if not flags.FLAGS.is_parsed():  # Grain reads its own absl flags, which only absl's app.run parses
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
    """Takes the names of a batch's shared memory away at once; the memory itself goes with the arrays.

    Grain does both in a thread when an array is deleted. At the end of a program that thread may not come to it, and
    the resource tracker then warns of a leak.
    """
    for array in batch.values():
        if isinstance(array, SharedMemoryArray) and array._unlink_on_del:
            array._unlink_on_del = False
            array.shm.unlink()


def finish_unlinking() -> None:
    """Waits until Grain's thread has unlinked the batches that were read ahead."""
    gc.collect()  # what the iterator still held
    if SharedMemoryArray._del_thread_pool is not None:
        SharedMemoryArray._del_thread_pool.apply(int)  # one thread: when it comes to this, all before is done


def call_shielded(function: Callable[[], Batch]) -> Batch:
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
