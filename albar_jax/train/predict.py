"""What a model says of every video of a test set."""

from collections.abc import Iterable

import jax
import numpy as np

from albar_jax.profiling import host_memory
from albar_jax.train.step import BatchPredictions, EvalStep
from albar_jax.types import Batch, Params


def predict(
    eval_step: EvalStep, params: Params, batches: Iterable[Batch], num_videos: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Runs the model over all batches. Padding and unreadable videos are left out by their `valid` of 0.

    Returns:
      Probabilities, float32 (num_videos, num_classes), row i for row i of the manifest; and bool (num_videos,), which
      of the videos could be read. The rows of the others are 0.
    """
    probs = np.zeros((num_videos, num_classes), np.float32)
    readable = np.zeros(num_videos, bool)
    ahead = None
    for batch in batches:
        # Read one batch late, so that the device works while the host copies.
        ahead, answers = eval_step(params, batch), ahead
        if answers is None:
            host_memory.return_freed()  # the step is just compiled
        _note(answers, probs, readable)
    _note(ahead, probs, readable)
    return probs, readable


def _note(answers: BatchPredictions | None, probs: np.ndarray, readable: np.ndarray) -> None:
    if answers is None:
        return
    answers = jax.device_get(answers)
    rows = answers.index[answers.valid > 0]
    probs[rows] = answers.probs[answers.valid > 0]
    readable[rows] = True
