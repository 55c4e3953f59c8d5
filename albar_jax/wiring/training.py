"""From a config to a training run, and to a function that answers for videos."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from albar_jax.config import Config
from albar_jax.data.clip_reader import FrameOrder
from albar_jax.data.loader import eval_batches
from albar_jax.data.manifest import Manifest
from albar_jax.evaluation.metrics import contrasted, top1
from albar_jax.evaluation.predictions import Predictions
from albar_jax.parallel.mesh import check_divisible, data_mesh, state_sharding
from albar_jax.train.checkpoint import BEST_METRIC
from albar_jax.train.coverage import Coverage, TooFewVideos, check_share
from albar_jax.train.experiment import Experiment, Validation
from albar_jax.train.predict import predict
from albar_jax.train.step import init_state, make_eval_step, make_train_step
from albar_jax.types import Apply, Params
from albar_jax.weights.loading import initial_params
from albar_jax.wiring.network import learning_rate, method, model, model_config, optimizer, schedule
from albar_jax.wiring.splits import check_every_class, empty_class_notes, validation_in_words
from albar_jax.wiring.stream import training_stream
from albar_jax.wiring.videos import (
    VideoFeed,
    fingerprint,
    loading,
    train_and_validation,
    views,
)


def experiment(config: Config, meta: dict[str, Any], *, resumes: bool) -> Experiment:
    """All that a training run is made of.

    `meta` is saved with its checkpoints, together with the classes and a fingerprint of the videos. A run that
    `resumes` gets its parameters from a checkpoint and needs no pretrained ones.
    """
    mesh = data_mesh()
    check_divisible(config.batch_size, mesh, "config.batch_size", config.train.parts)
    train, validation = train_and_validation(config)
    if not resumes:
        check_every_class(config, train)
    num_classes = len(train.classes)
    apply, params = model(config, num_classes)
    if not resumes:
        params = initial_params(config.init, model_config(config, num_classes), params)
    steps = schedule(config, len(train))
    rate = learning_rate(config, steps)
    update, chosen = optimizer(config, rate), method(config)
    state = init_state(params, update)
    feed = VideoFeed(mesh)
    predict_validation = predictor(config, apply, feed)
    return Experiment(
        state=jax.device_put(state, state_sharding(state, mesh, config.parallel)),
        train_step=make_train_step(
            apply, chosen, update, config.seed, mesh, config.train.parts, config.parallel
        ),
        train_batches=training_stream(config, train, chosen.needs, steps.num_steps, feed),
        validate=None
        if validation is None
        else functools.partial(_validation, config, predict_validation, validation),
        learning_rates=np.asarray(rate(np.arange(steps.num_steps))),
        num_steps=steps.num_steps,
        save_every=steps.save_every,
        log_every=config.train.log_every_steps,
        batch_size=config.batch_size,
        unreadable=feed.failures,
        coverage=Coverage(
            train.paths,
            train.labels,
            train.classes,
            config.batch_size,
            config.loader.max_unreadable,
            mesh,
        ),
        notes=[
            *validation_in_words(config, train, validation),
            *empty_class_notes(train, validation),
        ],
        meta=meta | {"classes": list(train.classes), "videos": fingerprint(train, validation)},
    )


def _validation(
    config: Config, predict: Callable[..., Predictions], videos: Manifest, params: Params
) -> Validation:
    """Returns the accuracies of a validation, with stills if `config.eval.static_validation`.

    Raises:
      TooFewVideos: more than the allowed share of the videos cannot be read.
    """
    moving = predict(params, videos)
    lost = len(videos) - len(moving)
    check_share(
        lost,
        len(videos),
        config.loader.max_unreadable,
        "validation videos, which choose the best checkpoint",
    )
    metrics = {BEST_METRIC: top1(moving)}
    if config.eval.static_validation:
        stills = predict(params, videos, order="static")
        metrics |= {
            "validation/static_top1": top1(stills),
            "validation/contrasted": contrasted(moving, stills).mean,
        }
    return Validation(metrics, len(moving), len(videos))


def predictor(config: Config, apply: Apply, feed: VideoFeed) -> Callable[..., Predictions]:
    """Returns a function `(params, manifest, order="forward", task=None) -> Predictions`.

    It predicts all readable videos of a manifest; the feed logs the others. `task` names the test
    set, which determines the views; None is the validation.
    """
    check_divisible(config.eval.batch_size, feed.mesh, "config.eval.batch_size")
    eval_step = make_eval_step(apply, feed.mesh)

    def run(
        params: Params, manifest: Manifest, order: FrameOrder = "forward", task: str | None = None
    ) -> Predictions:
        num_classes, specs = len(manifest.classes), views(config, order, task)
        probs, readable = (
            np.zeros((len(manifest), num_classes), np.float32),
            np.ones(len(manifest), bool),
        )
        for spec in specs:
            loader = eval_batches(
                manifest,
                spec,
                batch_size=config.eval.batch_size,
                banned=feed.failures.too_slow(config.loader.clip_seconds),
                **loading(config),
            )
            batches = feed.batches(loader, manifest)
            of_view, readable_view = predict(eval_step, params, batches, len(manifest), num_classes)
            probs += of_view / len(specs)
            readable &= readable_view
        if not readable.any():
            raise TooFewVideos(
                f"none of the {len(manifest)} videos to test or validate on can be read, {manifest.paths[0]} first; "
                "mend them, or prepare the data set again with --check, which leaves them out"
            )
        kept = manifest.take(readable.nonzero()[0])
        lost = manifest.take((~readable).nonzero()[0])
        left_out = dict(zip(lost.ids, lost.labels.tolist(), strict=True))
        return Predictions(kept.ids, kept.labels, probs[readable], left_out=left_out)

    return run
