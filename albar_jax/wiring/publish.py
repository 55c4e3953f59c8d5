"""Gives the report its pictures: frames of the tested clips, and the classes of pasted foregrounds."""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from albar_jax import wiring
from albar_jax.config import Config
from albar_jax.data.decode import DecodeError
from albar_jax.evaluation.analyses.mistakes import read_foregrounds


def foregrounds(config: Config, classes: Sequence[str]) -> Mapping[str, int]:
    """The class of what was pasted into each Confl-FG clip, where the manifests of these clips say it."""
    folder, tasks = wiring.task_folder(config), wiring.suite(config).tasks
    manifests = [folder / name for task, name in tasks.items() if "_conflfg" in task]
    found = [read_foregrounds(manifest, classes) for manifest in manifests if manifest.exists()]
    return {clip: label for pasted in found for clip, label in pasted.items()}


def clip_reader(config: Config, classes: Sequence[str]) -> Callable[[str, str], np.ndarray | None]:
    """A function: (task, id) -> the frames that are tested, uint8 (T, H, W, 3); None for what cannot be read."""
    manifest_of = functools.cache(lambda task: wiring.task_manifest(config, task, classes))

    def read(task: str, clip: str) -> np.ndarray | None:
        manifest = manifest_of(task)
        if manifest is None or clip not in manifest.ids:
            return None
        try:
            return wiring.evaluated_clip(config, manifest.paths[manifest.ids.index(clip)], task)
        except DecodeError:
            return None

    return read
