"""Builds the objects that a config names. Only `wiring` and `commands` import all packages."""

from albar_jax.wiring.network import (
    learning_rate,
    method,
    model,
    model_config,
    model_shapes,
    optimizer,
    run_length,
)
from albar_jax.wiring.splits import splits_in_words
from albar_jax.wiring.training import experiment, predictor
from albar_jax.wiring.video_feed import VideoFeed
from albar_jax.wiring.videos import (
    class_names,
    evaluated_clip,
    suite,
    task_folder,
    task_manifest,
    temporal_orders,
    train_and_validation,
    views,
    views_in_words,
)

__all__ = [
    "VideoFeed",
    "class_names",
    "evaluated_clip",
    "experiment",
    "learning_rate",
    "method",
    "model",
    "model_config",
    "model_shapes",
    "optimizer",
    "predictor",
    "run_length",
    "splits_in_words",
    "suite",
    "task_folder",
    "task_manifest",
    "temporal_orders",
    "train_and_validation",
    "views",
    "views_in_words",
]
