"""Batches of clips from a manifest, the same to the bit for any number of threads, workers and restarts.

The training stream is a pure function of (seed, global index): example number g is row `g % n` of the permutation of
epoch `g // n`, and all that is random in it is drawn from a generator keyed by (seed, g). So resuming is starting at a
later step, and process p of several reads its block of each global batch; no state is saved or sent.
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
from albar_jax.data.in_flight import Watch
from albar_jax.data.manifest import Manifest
from albar_jax.errors import StorageError, UserError
from albar_jax.storage import access

# Philox takes two 64-bit keys; permutations take theirs where no example number reaches.
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
    """Returns the batches of steps start_step..num_steps - 1; epochs are reshuffled, and a batch may span two epochs.

    `batch_size` is the global batch size; each process gets a contiguous block of batch_size / process_count clips.
    `aux_inputs` names the auxiliary inputs of each clip; they do not change the clips themselves. `threads` counts
    the threads of each worker, or of this process if there are no workers. `banned` maps the paths of videos that are
    not read to reasons.
    """
    size = _local_size(batch_size, process_count)

    def example(position: int) -> int:
        """Global index of example `position` of this process."""
        step, place = divmod(position, size)
        return (start_step + step) * batch_size + process_index * size + place

    def load(position: int, watch: Watch) -> Example:
        number = example(position)
        epoch, place = divmod(number, len(manifest))
        row = int(_permutation(seed, epoch, len(manifest))[place])
        return _load(manifest, row, spec, (seed, number), watch, aux_inputs or {})

    count = num_steps - start_step
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
    """Returns every video once, in the order of the manifest; the last batch is padded to the full size.

    All processes get the same number of batches. A random time and augmentation depend only on the row. `banned` is as
    in `train_batches`.
    """
    size = _local_size(batch_size, process_count)

    def load(position: int, watch: Watch) -> Example:
        step, place = divmod(position, size)
        row = step * batch_size + process_index * size + place
        if row >= len(manifest):
            return _blank(spec, {}, label=0, index=-1)
        return _load(manifest, row, spec, (0, row), watch, {})

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
    watch: Watch,
    aux_inputs: Mapping[str, AuxInput],
) -> Example:
    label, path = int(manifest.labels[row]), manifest.paths[row]

    def read() -> Example:
        # Recreated for each retry, so that all retries draw the same numbers.
        rng = _generator(*key)
        with watch.reading(row, path):
            video, cut = cut_clip(path, spec, rng)
            # After the clip, so that auxiliary inputs do not change the random numbers of the clip.
            brought = {name: aux_inputs[name].read(row, cut, rng) for name in sorted(aux_inputs)}
        return _example(video, brought, label, 1.0, row)

    try:
        return access.patiently(lambda: deadline.call(read, spec.budget.seconds, path), path)
    except DecodeError as error:
        reason = str(error).removeprefix(f"{path}: ")
        if isinstance(error, deadline.LateError):
            watch.ban(path, reason)
        reason = reason_array(reason)
    # Encoded as an array, so that the main process can raise it unchanged.
    except StorageError as error:
        reason = fault_array(error)
    return _blank(spec, aux_inputs, label=label, index=row, reason=reason)


def _blank(
    spec: ClipSpec, aux_inputs: Mapping[str, AuxInput], *, label: int, index: int, reason=None
) -> Example:
    video = np.zeros((spec.num_frames, spec.size, spec.size, 3), np.uint8)
    brought = {name: aux_input.blank(spec) for name, aux_input in aux_inputs.items()}
    return _example(video, brought, label, 0.0, index, reason)


def _example(video, brought: Example, label: int, valid: float, index: int, reason=None) -> Example:
    return brought | {
        "video": video,
        "label": np.int32(label),
        "valid": np.float32(valid),
        "index": np.int32(index),
        "reason": reason_array("") if reason is None else reason,
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
