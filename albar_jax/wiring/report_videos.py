"""Reads what a report shows of the videos: tested frames, and classes of pasted foregrounds."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.data.decode import DecodeError
from albar_jax.evaluation.analyses.mistakes import read_foregrounds
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
