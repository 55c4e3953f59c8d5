"""Reads the videos of a config: manifests, clips, and streams of batches."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from albar_jax.config import Config
from albar_jax.data.clip_reader import ClipSpec, FrameOrder, read_clip
from albar_jax.data.decode import check_decoder
from albar_jax.data.loader import generator
from albar_jax.data.manifest import Manifest, read_manifest
from albar_jax.data.validation_share import hold_out
from albar_jax.errors import UserError
from albar_jax.evaluation.suites import SUITES, Suite
from albar_jax.storage.budget import Budget


@dataclasses.dataclass(frozen=True)
class _Views:
    """The views of a test set, as in `ViewsConfig`, but with all defaults filled in."""

    temporal_views: int
    spatial_views: int
    short_side: int
    shape: Literal["keep", "square"]


def train_and_validation(config: Config) -> tuple[Manifest, Manifest | None]:
    """Returns the training and validation videos; None if there is no validation."""
    train = read_manifest(config.data.manifest, split=config.data.train_split)
    _check_classes(config, train)

    # A validation split takes precedence over a held-out part of the training split.
    split = config.data.validation_split
    fraction = config.data.validation_fraction
    validation = None
    if split is not None:
        validation = read_manifest(config.data.manifest, classes=train.classes, split=split)
    elif fraction > 0:
        train, validation = hold_out(train, fraction, seed=config.seed, by=config.data.hold_out)

    if config.batch_size > len(train):
        raise UserError(
            f"config.batch_size is {config.batch_size}, but there are {len(train)} videos to "
            "train on; lower it"
        )
    return train, validation


def class_names(config: Config) -> tuple[str, ...]:
    """Returns the classes of the manifest. Only the test split has to exist."""
    test = read_manifest(config.data.manifest, split=config.data.test_split)
    _check_classes(config, test)
    return test.classes


def task_manifest(config: Config, task: str, classes: Sequence[str]) -> Manifest | None:
    """Returns the test videos of a task of the suite; None if its manifest does not exist."""
    if task == suite(config).iid or task in temporal_orders(config):
        return read_manifest(config.data.manifest, classes=classes, split=config.data.test_split)

    tests = suite(config)
    path = task_folder(config) / {**tests.optional_tasks, **tests.tasks}[task]
    if not path.exists():
        return None

    return read_manifest(path, classes=classes)


def temporal_orders(config: Config) -> dict[str, FrameOrder]:
    """Returns the frame order of each additional test of the test split, by task.

    There are none unless `config.eval.temporal_tests`.
    """
    if not config.eval.temporal_tests:
        return {}

    return {task: order for order, task in suite(config).temporal_tasks.items()}


def task_folder(config: Config) -> Path:
    """Returns the folder of the manifests of the suite's other tasks."""
    return Path(config.eval.directory or Path(config.data.manifest).parent)


def suite(config: Config) -> Suite:
    """Returns the suite of the config."""
    return SUITES[config.eval.suite]


def evaluated_clip(config: Config, path: str, task: str | None = None, row: int = 0) -> np.ndarray:
    """Reads the central clip of a test video, as a model of this config is tested on it.

    Args:
      config: config of the experiment.
      path: path of the video.
      task: test set, which determines the views and the order of frames; None is the validation.
      row: row of the video in the manifest, which determines the order of shuffled frames.

    Returns:
      uint8 (t, h, w, 3), RGB.
    """
    order = "forward" if task is None else temporal_orders(config).get(task, "forward")
    return read_clip(path, views(config, order, task)[0], generator(0, row))


def view_kind(config: Config, task: str) -> str:
    """Returns the section of `config.eval` with the views of a task: "iid", "conflfg" or "bias"."""
    tests = suite(config)
    # The figures of the optional sets are compared with the original clips.
    if task == tests.iid or task in temporal_orders(config) or task in tests.optional_tasks:
        return "iid"

    # All other test sets of the suite measure bias.
    return "conflfg" if task in tests.tasks_of("conflfg") else "bias"


def views(config: Config, order: FrameOrder = "forward", task: str | None = None) -> list[ClipSpec]:
    """Returns the clips of a test video whose probabilities are averaged, the most central first.

    Args:
      config: config of the experiment.
      order: frame order of each clip.
      task: test set; None is the validation.
    """
    chosen = _views_of(config, task)
    # The centres of equal parts of the video.
    times = [(view + 0.5) / chosen.temporal_views for view in range(chosen.temporal_views)]
    if config.eval.clip == "start":
        times = [0.0]
    places = [0.0, 0.5, 1.0] if chosen.spatial_views == 3 else [0.5]

    # The page shows the first view.
    spots = sorted(itertools.product(times, places), key=_distance_from_centre)
    specs = []
    for time, place in spots:
        spec = clip_spec(
            config,
            augment="none",
            order=order,
            time=time,
            place=place,
            short_side=chosen.short_side,
            shape=chosen.shape,
        )
        specs.append(spec)

    return specs


def _distance_from_centre(spot: tuple[float, float]) -> float:
    time, place = spot
    return abs(time - 0.5) + abs(place - 0.5)


def views_in_words(config: Config, task: str | None = None) -> str:
    """Describes the views of a test set.

    An example is "1 clip (centre) x 3 crops of 224 at short side 256".
    """
    chosen = _views_of(config, task)
    clips = f"1 clip ({config.eval.clip})"
    if chosen.temporal_views > 1:
        clips = f"{chosen.temporal_views} clips (evenly spread)"

    crops = "1 crop (centre)" if chosen.spatial_views == 1 else f"{chosen.spatial_views} crops"
    scaled = "square of " if chosen.shape == "square" else "short side "
    return f"{clips} x {crops} of {config.data.size} at {scaled}{chosen.short_side}"


def _views_of(config: Config, task: str | None) -> _Views:
    """Returns the views of a test set with all defaults filled in."""
    usual = _Views(
        temporal_views=config.eval.temporal_views,
        spatial_views=config.eval.spatial_views,
        short_side=config.data.short_side,
        shape=config.data.shape,
    )
    if task is None:
        return usual

    # None in the section of a test set inherits the usual value.
    own = dataclasses.asdict(getattr(config.eval, view_kind(config, task)))
    changes = {name: value for name, value in own.items() if value is not None}
    return dataclasses.replace(usual, **changes)


def clip_spec(config: Config, **choices: Any) -> ClipSpec:
    """Returns the specification of a clip of this config.

    Args:
      config: config of the experiment.
      **choices: fields of ClipSpec that differ between training and tests.

    Raises:
      UserError: the decoder of the config is not installed.
    """
    data = config.data
    loader = config.loader
    check_decoder(loader.decoder)

    common = {
        "num_frames": data.num_frames,
        "stride": data.stride,
        "size": data.size,
        "short_side": data.short_side,
        "shape": data.shape,
        "short": data.short,
        "starts": data.starts,
        "decoder": loader.decoder,
        "budget": Budget(loader.clip_pixels, loader.clip_bytes, loader.clip_seconds),
        "keep_bytes": loader.keep_mb << 20,
    }
    return ClipSpec(**common | choices)


def fingerprint(*manifests: Manifest | None) -> str:
    """Returns a hash of the ids, labels and classes, in order, of all manifests.

    It changes with every change of the videos that would change batches or the validation.
    """
    # Paths are left out, so that a data set can be moved.
    content = []
    for manifest in manifests:
        if manifest is not None:
            content.append((manifest.ids, manifest.labels.tolist(), manifest.classes))

    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def loading(config: Config) -> dict[str, int]:
    """Returns arguments of the loader: this process's share of each batch, workers and threads."""
    return {
        "process_index": jax.process_index(),
        "process_count": jax.process_count(),
        "workers": config.loader.workers,
        "threads": config.loader.threads,
    }


def _check_classes(config: Config, manifest: Manifest) -> None:
    """Raises UserError if the manifest has another number of classes than the config."""
    expected = config.model.num_classes
    actual = len(manifest.classes)
    if expected is not None and expected != actual:
        raise UserError(
            f"config.model.num_classes is {expected}, but {config.data.manifest} has {actual} "
            "classes; correct either of them"
        )
