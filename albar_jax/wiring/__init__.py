"""The only wiring: from a config to the objects that it names."""

from albar_jax.wiring.network import (
    learning_rate,
    method,
    model,
    model_config,
    model_shapes,
    optimizer,
    schedule,
)
from albar_jax.wiring.splits import splits_in_words
from albar_jax.wiring.training import experiment, predictor
from albar_jax.wiring.videos import (
    VideoFeed,
    class_names,
    evaluated_clip,
    suite,
    task_folder,
    task_manifest,
    temporal_tasks,
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
    "schedule",
    "splits_in_words",
    "suite",
    "task_folder",
    "task_manifest",
    "temporal_tasks",
    "train_and_validation",
    "views",
    "views_in_words",
]
