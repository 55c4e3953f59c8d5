"""The settings of `albar audit --model`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from albar_jax.audit.class_match import Classes
from albar_jax.audit.models.base import Options


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a command.

    Attributes:
      models: `[NAME=]KIND:LOCATION` of each model.
      predictions: folders of predictions that exist.
      config: config of the test sets; None takes the config of the first training run.
      videos: folder of class folders that replaces the manifest of the config; None without one.
      out: folder for the results.
      options: options of all models.
      views: clips of a video whose answers are averaged.
      batch_size: clips in a batch; None for the default.
      threads: threads that read videos.
      label_map: CSV file of class names; None without one.
      classes: whether the argmax may be taken over the classes in common.
      cache: folder of answers; None for a folder in `out`.
      keeps_answers: whether answers are kept for later commands.
    """

    models: Sequence[str]
    predictions: Sequence[Path]
    config: ConfigDict | None
    videos: Path | None
    out: Path
    options: Options
    views: int = 1
    batch_size: int | None = None
    threads: int = 1
    label_map: Path | None = None
    classes: Classes = "same"
    cache: Path | None = None
    keeps_answers: bool = True
