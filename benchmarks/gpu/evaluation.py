"""Measures evaluated clips per second: for the step alone, and from films."""

import dataclasses
import time
from collections.abc import Callable

import jax
import numpy as np

from albar_jax import wiring
from albar_jax.data.manifest import Manifest, read_manifest
from albar_jax.errors import UserError
from albar_jax.parallel.mesh import data_mesh, replicated, split_batch
from albar_jax.train.step import make_eval_step
from albar_jax.wiring.abstract_step import batch_shapes
from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import NUM_CLASSES, Settings
from benchmarks.gpu.steps import config_of
from benchmarks.small import noise

# Repetitions of each video in the long pass.
REPEATED = 4


def run(settings: Settings, journal: Journal) -> None:
    """Measures the step on a batch of noise, then passes over the test split.

    Raises:
      UserError: there are no videos.
    """
    config = config_of(settings, "ce")
    mesh = data_mesh(jax.devices()[:1])
    apply, params = wiring.model(config, NUM_CLASSES)
    params = jax.device_put(params, replicated(mesh))
    size = config.eval.batch_size
    shapes = batch_shapes(dataclasses.replace(config, batch_size=size), NUM_CLASSES, needs={})
    batch = jax.device_put(noise(shapes), split_batch(mesh))
    step = make_eval_step(apply, mesh)

    def evaluate() -> None:
        jax.block_until_ready(step(params, batch))

    # The first call compiles.
    first = _seconds(evaluate)
    median = float(np.median([_seconds(evaluate) for _ in range(settings.sizes.rounds)]))
    journal.write("step", batch=size, first_s=first, step_s=median, clips_per_s=size / median)

    if not settings.manifest.exists():
        raise UserError("the stage films has not prepared any videos, so there is nothing to read")
    videos = read_manifest(settings.manifest, split="test")
    predict = wiring.predictor(config, apply, wiring.VideoFeed(mesh))
    journal.write("films", **films(lambda videos: predict(params, videos), videos))


def films(predict: Callable[[Manifest], object], videos: Manifest) -> dict[str, float]:
    """Times three passes: one that compiles, a short one, and a long one.

    `clips_per_s` is computed from the difference of the long and the short pass, without the
    loader's start-up.
    """
    many = videos.take(np.tile(np.arange(len(videos)), REPEATED))
    # Repeated videos need different ids.
    many = dataclasses.replace(many, ids=tuple(map(str, range(len(many)))))

    cold = _seconds(lambda: predict(videos))
    short = _seconds(lambda: predict(videos))
    long = _seconds(lambda: predict(many))
    more = len(many) - len(videos)

    return {
        "clips": len(videos),
        "cold_pass_s": cold,
        "pass_s": short,
        "clips_per_s": more / max(long - short, 1e-9),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
