"""Batches of clips from a manifest, the same to the bit for any number of threads, workers and restarts.

The training stream is a pure function of (seed, global index): example number g is row `g % n` of the permutation of
epoch `g // n`, and all that is random in it is drawn from a generator keyed by (seed, g). So resuming is starting at a
later step, and process p of several reads its block of each global batch; no state is saved or sent.
"""

import functools
import signal
from collections.abc import Callable, Iterator

import cv2
import grain
import numpy as np
from absl import flags

from albar_jax.data.clip_reader import ClipSpec, read_clip
from albar_jax.data.decode import DecodeError
from albar_jax.data.manifest import Manifest
from albar_jax.errors import UserError

Batch = dict[str, np.ndarray]  # video, label, valid, index

# Philox takes two 64-bit keys; permutations take theirs where no example number reaches.
EPOCH_KEYS = 1 << 63
REASON_BYTES = 256  # a batch has arrays only, so the reason why a video could not be read travels as one
SHARED_BYTES = 1 << 20  # larger arrays come from workers by shared memory, a file each; the others by a pipe
BUFFERED_BATCHES = 4  # per worker, so host memory stays bounded


class Batches(Iterator[Batch]):
    """A finite iterator of batches that notes unreadable videos; close it, or use it as a context manager.

    A batch is a dict of arrays: video uint8 (b, T, H, W, 3); label int32 (b,); valid float32 (b,), 0 for padding and
    for unreadable videos, whose frames are black; index int32 (b,), the row of the manifest, -1 for padding.
    """

    def __init__(self, dataset: grain.IterDataset, length: int, manifest: Manifest):
        self.failures: dict[str, str] = {}  # path -> reason, of all batches so far
        self._iterator = iter(dataset)
        self._length = length
        self._paths = manifest.paths

    def __len__(self) -> int:
        return self._length

    def __next__(self) -> Batch:
        try:
            batch = next(self._iterator)
        except RuntimeError as error:
            if "Worker process was terminated" not in str(error):
                raise
            raise UserError(
                f"a data worker process died ({error}); if it was killed for its memory use fewer workers, and "
                f"with 0 workers the main process shows what crashes"
            ) from error
        for index, reason in zip(batch["index"], batch.pop("reason"), strict=True):
            if reason.any():
                self.failures[self._paths[index]] = reason.tobytes().rstrip(b"\0").decode(errors="ignore")
        return batch

    def __enter__(self) -> "Batches":
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """Stops the threads and worker processes."""
        self._iterator.close()


def train_batches(
    manifest: Manifest,
    spec: ClipSpec,
    *,
    seed: int,
    batch_size: int,
    num_steps: int,
    start_step: int = 0,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
    threads: int = 2,
) -> Batches:
    """Returns the batches of steps start_step..num_steps - 1; epochs are shuffled anew and run into each other.

    `batch_size` is that of all processes together; each gets a contiguous block of batch_size / process_count clips.
    The threads are those of each worker, or of this process when there are no workers.
    """
    size = _local_size(batch_size, process_count)

    def example(position: int) -> int:
        """Global index of example `position` of this process."""
        step, place = divmod(position, size)
        return (start_step + step) * batch_size + process_index * size + place

    def load(position: int) -> Batch:
        number = example(position)
        epoch, place = divmod(number, len(manifest))
        row = int(_permutation(seed, epoch, len(manifest))[place])
        return _load(manifest, row, spec, _generator(seed, number))

    return _batches(load, num_steps - start_step, size, manifest, workers=workers, threads=threads)


def eval_batches(
    manifest: Manifest,
    spec: ClipSpec,
    *,
    batch_size: int,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
    threads: int = 2,
) -> Batches:
    """Returns every video once, in the manifest's order; the last batch is padded to the size of the others.

    All processes get the same number of batches. A random time and augmentation are drawn from the row alone.
    """
    size = _local_size(batch_size, process_count)

    def load(position: int) -> Batch:
        step, place = divmod(position, size)
        row = step * batch_size + process_index * size + place
        if row >= len(manifest):
            return _blank(spec, label=0, index=-1)
        return _load(manifest, row, spec, _generator(0, row))

    count = -(-len(manifest) // batch_size)
    return _batches(load, count, size, manifest, workers=workers, threads=threads)


def _load(manifest: Manifest, row: int, spec: ClipSpec, rng: np.random.Generator) -> Batch:
    label = int(manifest.labels[row])
    try:
        video = read_clip(manifest.paths[row], spec, rng)
    except DecodeError as error:
        return _blank(spec, label=label, index=row, reason=str(error))
    return _example(video, label, 1.0, row)


def _blank(spec: ClipSpec, *, label: int, index: int, reason: str = "") -> Batch:
    video = np.zeros((spec.num_frames, spec.size, spec.size, 3), np.uint8)
    return _example(video, label, 0.0, index, reason)


def _example(video, label: int, valid: float, index: int, reason: str = "") -> Batch:
    text = np.zeros(REASON_BYTES, np.uint8)
    data = reason.encode()[:REASON_BYTES]
    text[: len(data)] = np.frombuffer(data, np.uint8)
    return {
        "video": video,
        "label": np.int32(label),
        "valid": np.float32(valid),
        "index": np.int32(index),
        "reason": text,
    }


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, length: int):
    return _generator(seed, EPOCH_KEYS + epoch).permutation(length)


def _generator(seed: int, number: int) -> np.random.Generator:
    # As uint64: a list of such large numbers would pass through float64 and lose its last digits.
    return np.random.Generator(np.random.Philox(key=np.array([seed, number], np.uint64)))


def _local_size(batch_size: int, process_count: int) -> int:
    if batch_size < 1 or batch_size % process_count:
        raise UserError(
            f"batch size {batch_size} cannot be shared by {process_count} processes; "
            f"try {max(1, batch_size // process_count) * process_count}"
        )
    return batch_size // process_count


def _batches(
    load: Callable[[int], Batch], count: int, size: int, manifest: Manifest, *, workers: int, threads: int
) -> Batches:
    """Runs `load` over 0..count * size - 1 with Grain, in order, in threads of this process or of worker processes."""
    if not flags.FLAGS.is_parsed():  # Grain reads its own absl flags, which only absl's app.run parses
        flags.FLAGS.mark_as_parsed()
    _one_cv2_thread()
    dataset = grain.MapDataset.range(count * size).map(load).batch(size)
    options = grain.ReadOptions(
        num_threads=threads, prefetch_buffer_size=max(threads, BUFFERED_BATCHES) if threads else 0
    )
    dataset = dataset.to_iter_dataset(options)
    if workers:
        multi = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=2)
        options = grain.experimental.DatasetOptions(min_shm_size=SHARED_BYTES)
        dataset = grain.experimental.WithOptionsIterDataset(
            dataset.mp_prefetch(multi, worker_init_fn=_start_worker), options
        )
    return Batches(dataset, count, manifest)


def _start_worker(*_) -> None:
    # Ctrl-C reaches all processes of the terminal; the main one decides, and saves first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _one_cv2_thread()


def _one_cv2_thread() -> None:
    # Clips are read in parallel already; a pool of OpenCV's own in each thread would only fight over the cores.
    cv2.setNumThreads(0)
