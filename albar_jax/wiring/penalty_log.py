"""Measures the gradient penalty on stills of validation videos, for the log of a run."""

import math
from collections.abc import Callable

import jax
import numpy as np

from albar_jax.config import Config
from albar_jax.data.loader import eval_batches
from albar_jax.data.manifest import Manifest
from albar_jax.profiling import host_memory
from albar_jax.train.penalty_step import PenaltySums, make_penalty_step
from albar_jax.types import Apply, Params
from albar_jax.wiring.video_feed import VideoFeed
from albar_jax.wiring.videos import loading, views

# About this many clips are measured, or a microbatch if it is larger.
_CLIPS = 24


def penalty_metrics(
    config: Config, apply: Apply, feed: VideoFeed, videos: Manifest
) -> Callable[[Params], dict[str, float]]:
    """Returns a function that measures weights on stills of some of the videos.

    The stills are those of the static validation: middle frames, as long as a clip. Compiles once,
    at the first call. A batch is a microbatch of the training, which fits in memory with its
    backward pass.

    Returns:
      A function of the weights that returns these metrics; {} if no still can be read.
        validation/head_sum: see `penalty_directions.head_sum`.
        validation/static_penalty: mean of || J^T 1 ||, ALBAR's Eq. 4.
        validation/static_penalty_label: mean of || J^T (y - p) ||.
        validation/static_jacobian: root of the mean of || Pi J ||^2, estimated by three random
          directions for each still.
    """
    step = make_penalty_step(apply, feed.mesh)
    batch_size = config.batch_size // config.train.grad_accum_steps
    measured = videos.take(_spread(len(videos), batch_size))
    # The most central view.
    spec = views(config, "static")[0]

    def measure(params: Params) -> dict[str, float]:
        loader = eval_batches(
            measured,
            spec,
            batch_size=batch_size,
            banned=feed.failures.too_slow(config.loader.clip_seconds),
            **loading(config),
        )
        sums = [step(params, batch) for batch in feed.batches(loader, measured)]
        # The first call has compiled the step, which leaves memory to free.
        host_memory.return_freed()

        return _metrics(jax.device_get(sums))

    return measure


def _spread(num_videos: int, batch_size: int) -> np.ndarray:
    """Returns rows that are evenly spread over the videos and fill whole batches if possible."""
    wanted = max(1, _CLIPS // batch_size) * batch_size
    return np.linspace(0, num_videos - 1, min(wanted, num_videos)).round().astype(int)


def _metrics(batches: list[PenaltySums]) -> dict[str, float]:
    """Returns the means over all clips of all batches."""
    num_clips, of_sum, of_label, centred_squared, _ = np.sum(batches, axis=0, dtype=float)
    if not num_clips:
        return {}

    return {
        "validation/head_sum": float(batches[0].head_sum),
        "validation/static_penalty": float(of_sum / num_clips),
        "validation/static_penalty_label": float(of_label / num_clips),
        "validation/static_jacobian": math.sqrt(centred_squared / num_clips),
    }
