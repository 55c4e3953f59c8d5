"""Lists the test sets of a config that exist, and the questions about their clips."""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path

from albar_jax import wiring
from albar_jax.audit import rates
from albar_jax.audit.reading import Job, Question, jobs
from albar_jax.config import Config
from albar_jax.data.clip_reader import FrameOrder
from albar_jax.data.manifest import Manifest
from albar_jax.evaluation.suites import Suite
from albar_jax.terminal.escapes import show


@dataclasses.dataclass(frozen=True)
class AskedSet:
    """A test set.

    Attributes:
      task: its name.
      manifest: its clips.
      order: order of the frames of each clip.
    """

    task: str
    manifest: Manifest
    order: FrameOrder


@dataclasses.dataclass(frozen=True)
class AskedSets:
    """The test sets of a benchmark that exist.

    Attributes:
      config: config of the videos, with the tests of reordered frames.
      suite: the benchmark.
      classes: names of the classes.
      sets: the test sets, in the order of the suite.
      source_of: the video that each derived clip was made from, by path.
    """

    config: Config
    suite: Suite
    classes: tuple[str, ...]
    sets: tuple[AskedSet, ...]
    source_of: Mapping[str, str]


def find(config: Config, *, names_missing: bool = True) -> AskedSets:
    """Reads the manifests of all tasks of a config.

    Args:
      config: config of the videos.
      names_missing: whether to print the tasks of the paper's table that have no manifest.

    Raises:
      UserError: a manifest is malformed, or names a video that does not exist.
    """
    config = dataclasses.replace(config, eval=dataclasses.replace(config.eval, temporal_tests=True))
    suite = wiring.suite(config)
    classes = wiring.class_names(config)
    orders = wiring.temporal_orders(config)
    test_split = wiring.task_manifest(config, suite.iid, classes)

    sets = []
    missing = []
    for task in suite.every_task:
        is_test_split = task == suite.iid or task in orders
        manifest = test_split if is_test_split else wiring.task_manifest(config, task, classes)
        if manifest is not None:
            sets.append(AskedSet(task, manifest, orders.get(task, "forward")))
        elif task in suite.tasks:
            missing.append(task)

    if missing and names_missing:
        folder = wiring.task_folder(config)
        show(f"note: left out, because they have no manifest in {folder}: {', '.join(missing)}")
    return AskedSets(config, suite, classes, tuple(sets), rates.sources(_derived(config, suite)))


def _derived(config: Config, suite: Suite) -> list[Path]:
    """Returns the manifests of derived clips that exist."""
    files = {**suite.optional_tasks, **suite.tasks}
    files.pop(suite.iid, None)
    paths = [wiring.task_folder(config) / name for name in files.values()]
    return [path for path in paths if path.exists()]


def questions(tests: AskedSets, classes: Collection[int]) -> list[Job]:
    """Returns the questions about the clips of some classes, one job for each video."""
    asked = []
    for test in tests.sets:
        for row, (path, label) in enumerate(
            zip(test.manifest.paths, test.manifest.labels.tolist(), strict=True)
        ):
            if label in classes:
                asked.append((path, Question(test.task, row, test.order)))
    return list(jobs(asked, tests.source_of))
