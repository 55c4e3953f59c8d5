"""Builds a training run from a config, and a function that predicts videos."""

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
from albar_jax.wiring.network import (
    learning_rate,
    method,
    model,
    model_config,
    optimizer,
    run_length,
)
from albar_jax.wiring.penalty_log import penalty_metrics
from albar_jax.wiring.splits import check_every_class, empty_class_notes, validation_in_words
from albar_jax.wiring.stream import training_stream
from albar_jax.wiring.video_feed import VideoFeed
from albar_jax.wiring.videos import fingerprint, loading, train_and_validation, views


def experiment(config: Config, meta: dict[str, Any], *, resumes: bool) -> Experiment:
    """Builds a training run.

    Args:
      config: config of the experiment.
      meta: metadata of the checkpoints. The classes and a fingerprint of the videos are added.
      resumes: whether a checkpoint provides the parameters. Pretrained weights are then not loaded.
    """
    mesh = data_mesh()
    check_divisible(config.batch_size, mesh, "config.batch_size", config.train.grad_accum_steps)
    train, validation = train_and_validation(config)

    # A run that resumes keeps the choice that it was started with.
    if not resumes:
        check_every_class(config, train)

    apply, params = _initial_network(config, len(train.classes), resumes=resumes)
    length = run_length(config, len(train))
    rate = learning_rate(config, length)
    update = optimizer(config, rate)
    state = init_state(params, update)

    # One feed for training and validation: a video that was too slow in one is so in both.
    feed = VideoFeed(mesh)
    combined = method(config)
    notes = validation_in_words(config, train, validation) + empty_class_notes(train, validation)

    return Experiment(
        state=jax.device_put(state, state_sharding(state, mesh, config.parallel)),
        train_step=make_train_step(
            apply,
            combined,
            update,
            config.seed,
            mesh,
            config.train.grad_accum_steps,
            config.parallel,
        ),
        train_batches=training_stream(config, train, combined.needs, length.num_steps, feed),
        validate=_validate_function(config, apply, feed, validation),
        learning_rates=np.asarray(rate(np.arange(length.num_steps))),
        num_steps=length.num_steps,
        save_every=length.save_every,
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
        notes=notes,
        meta=meta | {"classes": list(train.classes), "videos": fingerprint(train, validation)},
    )


def _initial_network(config: Config, num_classes: int, *, resumes: bool) -> tuple[Apply, Params]:
    """Returns the network with its initial weights, which are random if the run resumes."""
    apply, params = model(config, num_classes)
    # The checkpoint replaces the random weights.
    if resumes:
        return apply, params

    return apply, initial_params(config.init, model_config(config, num_classes), params)


def _validate_function(
    config: Config,
    apply: Apply,
    feed: VideoFeed,
    videos: Manifest | None,
) -> Callable[[Params], Validation] | None:
    """Returns a function that validates parameters; None if there are no validation videos."""
    # Built in any case, because it checks the batch size of tests before training.
    predict_videos = predictor(config, apply, feed)
    if videos is None:
        return None

    measure_stills = None
    if config.eval.static_validation:
        measure_stills = penalty_metrics(config, apply, feed, videos)
    return functools.partial(_validation, config, predict_videos, measure_stills, videos)


def _validation(
    config: Config,
    predict_videos: Callable[..., Predictions],
    measure_stills: Callable[[Params], dict[str, float]] | None,
    videos: Manifest,
    params: Params,
) -> Validation:
    """Returns the metrics of a validation.

    Args:
      config: config of the experiment.
      predict_videos: see `predictor`.
      measure_stills: see `penalty_metrics`; None validates without stills.
      videos: validation videos.
      params: weights to validate.

    Raises:
      TooFewVideos: more than the allowed share of the videos cannot be read.
    """
    moving = predict_videos(params, videos)

    # The best checkpoint is chosen by this accuracy, so it needs most of the videos.
    num_lost = len(videos) - len(moving)
    check_share(
        num_lost,
        len(videos),
        config.loader.max_unreadable,
        "validation videos, which choose the best checkpoint,",
    )

    metrics = {BEST_METRIC: top1(moving)}
    if measure_stills is not None:
        stills = predict_videos(params, videos, order="static")
        metrics["validation/static_top1"] = top1(stills)
        metrics["validation/contrasted"] = contrasted(moving, stills).mean
        metrics |= measure_stills(params)

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
        num_classes = len(manifest.classes)
        specs = views(config, order, task)
        # A video counts only if all of its views can be read.
        probs = np.zeros((len(manifest), num_classes), np.float32)
        readable = np.ones(len(manifest), bool)

        for spec in specs:
            loader = eval_batches(
                manifest,
                spec,
                batch_size=config.eval.batch_size,
                banned=feed.failures.too_slow(config.loader.clip_seconds),
                **loading(config),
            )
            batches = feed.batches(loader, manifest)
            view_probs, view_readable = predict(
                eval_step, params, batches, len(manifest), num_classes
            )
            # The mean of probabilities, not of logits.
            probs += view_probs / len(specs)
            readable &= view_readable

        return _readable_predictions(manifest, probs, readable)

    return run


def _readable_predictions(
    manifest: Manifest, probs: np.ndarray, readable: np.ndarray
) -> Predictions:
    """Returns the predictions of the readable videos.

    Args:
      manifest: the n videos.
      probs: float32 (n, num_classes), probabilities.
      readable: bool (n,), whether a video could be read.

    Raises:
      TooFewVideos: no video could be read.
    """
    if not readable.any():
        raise TooFewVideos(
            f"none of the {len(manifest)} videos to test or validate on can be read, "
            f"{manifest.paths[0]} first; repair them, or prepare the data set again with --check, "
            "which leaves them out"
        )

    tested = manifest.take(readable.nonzero()[0])
    lost = manifest.take((~readable).nonzero()[0])
    left_out = dict(zip(lost.ids, lost.labels.tolist(), strict=True))

    return Predictions(tested.ids, tested.labels, probs[readable], left_out=left_out)
