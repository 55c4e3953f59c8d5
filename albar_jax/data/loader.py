"""Loads batches of clips that are bit-identical for any number of threads, workers and restarts.

The training stream is a pure function of (seed, global index). Example number g is row `g % n` of
the permutation of epoch `g // n`. All its random numbers come from a generator keyed by (seed, g).
So a run resumes by starting at a later step, and no state is saved or sent. With several processes,
process p reads its own block of each global batch.
"""

import functools
from collections.abc import Mapping

import numpy as np

from albar_jax.data import deadline
from albar_jax.data.aux_inputs import AuxInput
from albar_jax.data.batches import Batches
from albar_jax.data.clip_reader import ClipSpec, cut_clip
from albar_jax.data.decode import DecodeError
from albar_jax.data.failure_arrays import fault_array, reason_array
from albar_jax.data.grain_stream import Example
from albar_jax.data.in_flight import ReadTracker
from albar_jax.data.manifest import Manifest
from albar_jax.errors import StorageError, UserError
from albar_jax.storage import access

# Philox takes two 64-bit keys. The keys of the permutations start above all example numbers.
EPOCH_KEYS = 1 << 63


def train_batches(
    manifest: Manifest,
    spec: ClipSpec,
    *,
    seed: int,
    batch_size: int,
    num_steps: int,
    start_step: int = 0,
    aux_inputs: Mapping[str, AuxInput] | None = None,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
    threads: int = 2,
    banned: Mapping[str, str] | None = None,
) -> Batches:
    """Returns the training batches of steps `start_step` to `num_steps` - 1.

    Each epoch has its own order, and a batch may span two epochs.

    Args:
      manifest: the training videos.
      spec: the sampling of each clip.
      seed: random seed of order and augmentation.
      batch_size: size of the global batch; each process reads a contiguous block of
        `batch_size / process_count` clips.
      num_steps: number of steps of the whole training.
      start_step: first step, from 0.
      aux_inputs: name -> auxiliary input. Auxiliary inputs do not change the clips.
      process_index: number of this process.
      process_count: number of processes.
      workers: number of worker processes; 0 reads in threads of this process.
      threads: threads of each worker, or of this process if there are no workers.
      banned: path -> reason, of videos that are not read.
    """
    size = _local_size(batch_size, process_count)

    def global_index(position: int) -> int:
        step, place = divmod(position, size)
        return (start_step + step) * batch_size + process_index * size + place

    def load(position: int, tracker: ReadTracker) -> Example:
        number = global_index(position)
        epoch, place = divmod(number, len(manifest))
        row = int(_permutation(seed, epoch, len(manifest))[place])
        return _load(manifest, row, spec, (seed, number), tracker, aux_inputs or {})

    return Batches(
        load,
        num_steps - start_step,
        size,
        manifest.paths,
        workers=workers,
        threads=threads,
        banned=banned,
        seconds=spec.budget.seconds,
    )


def eval_batches(
    manifest: Manifest,
    spec: ClipSpec,
    *,
    batch_size: int,
    process_index: int = 0,
    process_count: int = 1,
    workers: int = 0,
    threads: int = 2,
    banned: Mapping[str, str] | None = None,
) -> Batches:
    """Returns batches with every video once, in the order of the manifest.

    The last batch is padded to the full size, so all processes get the same number of batches. A
    random time and augmentation depend only on the row. The arguments are as in `train_batches`.
    """
    size = _local_size(batch_size, process_count)

    def load(position: int, tracker: ReadTracker) -> Example:
        step, place = divmod(position, size)
        row = step * batch_size + process_index * size + place
        if row >= len(manifest):
            return _blank_example(spec, {}, label=0, index=-1)
        return _load(manifest, row, spec, (0, row), tracker, {})

    # Division rounded up.
    count = -(-len(manifest) // batch_size)

    return Batches(
        load,
        count,
        size,
        manifest.paths,
        workers=workers,
        threads=threads,
        banned=banned,
        seconds=spec.budget.seconds,
    )


def _load(
    manifest: Manifest,
    row: int,
    spec: ClipSpec,
    key: tuple[int, int],
    tracker: ReadTracker,
    aux_inputs: Mapping[str, AuxInput],
) -> Example:
    """Reads the example of a row; a blank example with the reason if it cannot be read.

    Args:
      manifest: the videos.
      row: row of the manifest.
      spec: the sampling of the clip.
      key: key of the random numbers, two integers below 2^64.
      tracker: state of the reading threads.
      aux_inputs: name -> auxiliary input.
    """
    label = int(manifest.labels[row])
    path = manifest.paths[row]

    def read() -> Example:
        # Created again for each retry, so that all retries draw the same numbers.
        rng = generator(*key)
        with tracker.reading(row, path):
            video, cut = cut_clip(path, spec, rng)
            # After the clip, so that auxiliary inputs do not change the random numbers of the clip.
            aux = {name: aux_inputs[name].read(row, cut, rng) for name in sorted(aux_inputs)}
        return _example(video, aux, label, 1.0, row)

    try:
        return access.patiently(lambda: deadline.call(read, spec.budget.seconds, path), path)
    except DecodeError as error:
        reason = str(error).removeprefix(f"{path}: ")
        if isinstance(error, deadline.LateError):
            tracker.ban(path, reason)
        encoded = reason_array(reason)
    # Encoded as an array, so that the main process can raise it unchanged.
    except StorageError as error:
        encoded = fault_array(error)

    return _blank_example(spec, aux_inputs, label=label, index=row, reason=encoded)


def _blank_example(
    spec: ClipSpec, aux_inputs: Mapping[str, AuxInput], *, label: int, index: int, reason=None
) -> Example:
    video = np.zeros((spec.num_frames, spec.size, spec.size, 3), np.uint8)
    aux = {name: aux_input.blank(spec) for name, aux_input in aux_inputs.items()}
    return _example(video, aux, label, 0.0, index, reason)


def _example(video, aux: Example, label: int, valid: float, index: int, reason=None) -> Example:
    if reason is None:
        reason = reason_array("")

    return aux | {
        "video": video,
        "label": np.int32(label),
        "valid": np.float32(valid),
        "index": np.int32(index),
        "reason": reason,
    }


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, length: int):
    return generator(seed, EPOCH_KEYS + epoch).permutation(length)


def generator(seed: int, number: int) -> np.random.Generator:
    """Returns the random generator of an example. Tests have seed 0 and the row of the video."""
    # As uint64: a list of such large numbers would pass through float64 and lose its last digits.
    key = np.array([seed, number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _local_size(batch_size: int, process_count: int) -> int:
    """Returns the number of clips per batch of one process."""
    if batch_size < 1 or batch_size % process_count:
        possible = max(1, batch_size // process_count) * process_count
        raise UserError(
            f"batch size {batch_size} cannot be shared by {process_count} processes; try {possible}"
        )
    return batch_size // process_count
