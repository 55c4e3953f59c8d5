"""Computes the predictions of a model for every video of a test set."""

from collections.abc import Iterable

import jax
import numpy as np

from albar_jax.profiling import host_memory
from albar_jax.train.step import BatchPredictions, EvalStep
from albar_jax.types import Batch, Params


def predict(
    eval_step: EvalStep, params: Params, batches: Iterable[Batch], num_videos: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Runs the model over all batches; skips padding and unreadable videos, whose `valid` is 0.

    Args:
      eval_step: see `step.make_eval_step`.
      params: parameters and batch statistics.
      batches: batches of all videos.
      num_videos: number of rows of the manifest.
      num_classes: number of classes.

    Returns:
      Class probabilities, float32 (num_videos, num_classes), in the order of the manifest; and
      bool (num_videos,), whether each video could be read. Rows of unreadable videos are 0.
    """
    probs = np.zeros((num_videos, num_classes), np.float32)
    readable = np.zeros(num_videos, bool)

    pending = None
    for batch in batches:
        # Read the predictions one batch late, so that the device works while the host copies.
        previous = pending
        pending = eval_step(params, batch)
        if previous is None:
            # The first call has compiled the step, which leaves memory to free.
            host_memory.return_freed()
        else:
            _store(previous, probs, readable)

    if pending is not None:
        _store(pending, probs, readable)

    return probs, readable


def _store(predictions: BatchPredictions, probs: np.ndarray, readable: np.ndarray) -> None:
    """Writes the predictions of a batch into the arrays of all videos."""
    predictions = jax.device_get(predictions)
    valid = predictions.valid > 0
    rows = predictions.index[valid]
    probs[rows] = predictions.probs[valid]
    readable[rows] = True
