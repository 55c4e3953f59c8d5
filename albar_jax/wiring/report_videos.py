"""Reads what a report shows of the videos: tested frames, pasted foregrounds, groups of clips."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.data.decode import DecodeError
from albar_jax.evaluation.analyses.mistakes import read_foregrounds
from albar_jax.evaluation.annotations import Annotations, read_annotations
from albar_jax.report.report_data import ReadClip


def pasted_foregrounds(config: Config, classes: Sequence[str]) -> Mapping[str, int]:
    """Reads the class of the foreground pasted into each Confl-FG clip, by id.

    Clips are missing if their manifest does not have this class.
    """
    folder = wiring.task_folder(config)
    suite = wiring.suite(config)
    foregrounds: dict[str, int] = {}
    for task in suite.tasks_of("conflfg"):
        manifest = folder / suite.tasks[task]
        if manifest.exists():
            foregrounds |= read_foregrounds(manifest, classes)
    return foregrounds


def annotations(config: Config, classes: Sequence[str]) -> dict[str, Annotations]:
    """Reads the groups of clips and the classes of their backgrounds, by task.

    Groups are counted in the training split for all tasks.
    """
    main = read_annotations(
        config.data.manifest,
        classes,
        split=config.data.test_split,
        train_split=config.data.train_split,
    )
    suite = wiring.suite(config)
    by_task = dict.fromkeys((suite.iid, *suite.temporal_tasks.values()), main)

    others = {**suite.tasks, **suite.optional_tasks}
    del others[suite.iid]
    for task, name in others.items():
        manifest = wiring.task_folder(config) / name
        if manifest.exists():
            own = read_annotations(manifest, classes)
            by_task[task] = dataclasses.replace(own, training=main.training)
    return by_task


def clip_reader(config: Config, classes: Sequence[str]) -> ReadClip:
    """Returns a function that reads the tested frames of a clip, given its task and id.

    The frames are uint8 RGB (T, H, W, 3), or None if the clip cannot be read.
    """

    # A page shows several clips of a task, and reading a manifest takes long.
    @functools.cache
    def manifest_of(task: str):
        return wiring.task_manifest(config, task, classes)

    def read(task: str, clip: str) -> np.ndarray | None:
        # Predictions of other programs may name tasks and clips without a video.
        manifest = manifest_of(task)
        if manifest is None or clip not in manifest.ids:
            return None
        path = manifest.paths[manifest.ids.index(clip)]
        try:
            return wiring.evaluated_clip(config, path, task)
        except DecodeError:
            return None

    return read
