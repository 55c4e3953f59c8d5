"""Exchanges small values between the processes of a run."""

import collections
import json
from collections.abc import Mapping

import jax
import numpy as np
from jax.experimental import multihost_utils

from albar_jax.parallel.mesh import data_mesh, replicated, split_batch

# Steps that the host may be ahead of the device. More would only queue batches in its memory.
STEPS_AHEAD = 2


def all_gather(values: Mapping[str, str]) -> dict[str, str]:
    """All-gathers a dict of strings over processes. Collective: every process must call it.

    Args:
      values: entries of this process. If processes use the same name, the entry of the highest
        process is kept.

    Returns:
      The entries of all processes.
    """
    if jax.process_count() == 1:
        return dict(values)

    local = np.frombuffer(json.dumps(dict(values)).encode(), np.uint8)
    sizes = multihost_utils.process_allgather(np.int32(len(local)))
    # All processes must give arrays of one shape.
    padded = np.pad(local, (0, int(sizes.max()) - len(local)))
    texts = multihost_utils.process_allgather(padded)

    gathered = {}
    for text, size in zip(texts, sizes, strict=True):
        gathered |= json.loads(text[:size].tobytes())

    return gathered


class AgreedSignal:
    """A stop signal that all processes see at the same step, even if only one received it.

    The devices compute the maximum over processes after the current step. The host reads the result
    some steps later, so it does not wait.
    """

    def __init__(self) -> None:
        mesh = data_mesh()
        self._split = split_batch(mesh)
        self._maximum = jax.jit(lambda numbers: numbers.max(), out_shardings=replicated(mesh))
        self._pending: collections.deque[jax.Array] = collections.deque()

    def __call__(self, number: int) -> int:
        """Exchanges the signal number of this step. Collective: every process must call it.

        Args:
          number: the signal that this process has received, 0 for none.

        Returns:
          The largest number of all processes, as of some steps ago.
        """
        if jax.process_count() == 1:
            return number

        # Each local device holds the number of this process.
        local = np.full(jax.local_device_count(), number, np.int32)
        numbers = jax.make_array_from_process_local_data(self._split, local)
        self._pending.append(self._maximum(numbers))
        # Older results are ready, so reading them does not wait for the current step.
        if len(self._pending) <= STEPS_AHEAD:
            return 0

        return int(self._pending.popleft())
