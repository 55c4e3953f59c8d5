"""The only wiring: from a config to the objects that it names."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from albar_jax import optim
from albar_jax.config import Config
from albar_jax.data.loader import Batches, ClipSpec, eval_batches, read_clip, train_batches
from albar_jax.data.manifest import Manifest, hold_out, read_manifest
from albar_jax.errors import UserError
from albar_jax.evaluation.metrics import top1
from albar_jax.evaluation.predict import predict
from albar_jax.evaluation.predictions import Predictions
from albar_jax.evaluation.suites import SUITES, Suite
from albar_jax.feed import device_batches
from albar_jax.mesh import check_divisible, data_mesh, replicated
from albar_jax.methods import METHODS, combine
from albar_jax.methods.base import Method
from albar_jax.models import PRESETS, VideoSwinConfig, create
from albar_jax.models.weights import initial_params
from albar_jax.train_loop import Experiment
from albar_jax.train_step import init_state, make_eval_step, make_train_step
from albar_jax.types import Apply, Batch, Params


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A run in steps."""

    num_steps: int
    steps_per_epoch: int
    save_every: int


def experiment(config: Config, meta: dict[str, Any], *, resumes: bool) -> Experiment:
    """All that a training run is made of.

    `meta` is saved with its checkpoints, together with the classes and a fingerprint of the videos. A run that
    `resumes` gets its parameters from a checkpoint and needs no pretrained ones.
    """
    mesh = data_mesh()
    check_divisible(config.batch_size, mesh, "config.batch_size")
    train, validation = train_and_validation(config)
    num_classes = len(train.classes)
    apply, params = model(config, num_classes)
    if not resumes:
        params = initial_params(config.init, model_config(config, num_classes), params)
    steps = schedule(config, len(train))
    rate = learning_rate(config, steps)
    update = optimizer(config, rate)
    unreadable: dict[str, str] = {}

    def batches(start_step: int) -> Iterator[Batch]:
        loader = train_batches(
            train,
            _clip_spec(config, augment=config.data.augment),
            seed=config.seed,
            batch_size=config.batch_size,
            num_steps=steps.num_steps,
            start_step=start_step,
            **_loading(config),
        )
        return _feed(loader, num_classes, mesh, unreadable)

    predict_validation = predictor(config, apply, mesh, unreadable)
    return Experiment(
        state=jax.device_put(init_state(params, update), replicated(mesh)),
        train_step=make_train_step(apply, method(config), update, config.seed, mesh),
        train_batches=batches,
        validate=lambda params: top1(predict_validation(params, validation)),
        learning_rates=np.asarray(rate(np.arange(steps.num_steps))),
        num_steps=steps.num_steps,
        save_every=steps.save_every,
        log_every=config.train.log_every_steps,
        batch_size=config.batch_size,
        unreadable=unreadable,
        meta=meta | {"classes": list(train.classes), "videos": _fingerprint(train, validation)},
    )


def train_and_validation(config: Config) -> tuple[Manifest, Manifest]:
    """The training videos and those that choose the best checkpoint."""
    train = read_manifest(config.data.manifest, split=config.data.train_split)
    _check_classes(config, train)
    if config.data.validation_split is None:
        return hold_out(train, config.data.validation_fraction, seed=config.seed)
    return train, read_manifest(config.data.manifest, classes=train.classes, split=config.data.validation_split)


def class_names(config: Config) -> tuple[str, ...]:
    """The classes of the manifest, which needs only a test split."""
    test = read_manifest(config.data.manifest, split=config.data.test_split)
    _check_classes(config, test)
    return test.classes


def task_manifest(config: Config, task: str, classes: Sequence[str]) -> Manifest | None:
    """The test videos of a task of the suite; None if its manifest was never made."""
    if task == suite(config).iid:
        return read_manifest(config.data.manifest, classes=classes, split=config.data.test_split)
    path = Path(config.eval.directory) / suite(config).tasks[task]
    return read_manifest(path, classes=classes) if path.exists() else None


def suite(config: Config) -> Suite:
    """The benchmark of the config."""
    if config.eval.suite not in SUITES:
        raise UserError(f"config.eval.suite is {config.eval.suite!r}; it is one of {', '.join(sorted(SUITES))}")
    return SUITES[config.eval.suite]


def evaluated_clip(config: Config, path: str) -> np.ndarray:
    """The frames of a video that a model of this config is tested on, uint8 (T, H, W, 3)."""
    return read_clip(path, _views(config)[0], np.random.default_rng(0))


def predictor(
    config: Config, apply: Apply, mesh: Mesh, unreadable: dict[str, str]
) -> Callable[[Params, Manifest], Predictions]:
    """A function that answers for every readable video of a manifest; the others are noted in `unreadable`."""
    check_divisible(config.eval.batch_size, mesh, "config.eval.batch_size")
    eval_step = make_eval_step(apply, mesh)

    def run(params: Params, manifest: Manifest) -> Predictions:
        num_classes, views = len(manifest.classes), _views(config)
        probs, readable = np.zeros((len(manifest), num_classes), np.float32), np.ones(len(manifest), bool)
        for spec in views:
            loader = eval_batches(manifest, spec, batch_size=config.eval.batch_size, **_loading(config))
            batches = _feed(loader, num_classes, mesh, unreadable)
            of_view, readable_view = predict(eval_step, params, batches, len(manifest), num_classes)
            probs += of_view / len(views)
            readable &= readable_view
        if not readable.any():
            raise UserError(f"none of the {len(manifest)} videos could be read, {manifest.paths[0]} first")
        kept = manifest.take(readable.nonzero()[0])
        return Predictions(kept.ids, kept.labels, probs[readable])

    return run


def model_config(config: Config, num_classes: int) -> VideoSwinConfig:
    """The preset with the changes of the config."""
    return dataclasses.replace(
        PRESETS[config.model.preset],
        num_classes=num_classes,
        drop_path_rate=config.model.drop_path_rate,
        head_dropout=config.model.head_dropout,
        dtype=config.model.dtype,
        remat=config.model.remat,
    )


def model(config: Config, num_classes: int) -> tuple[Apply, Params]:
    """The network and its random parameters."""
    return create(model_config(config, num_classes), jax.random.key(config.seed))


def method(config: Config) -> Method:
    """The methods of the config as one. Their transforms run in the order of the table METHODS."""
    made = combine(*(METHODS[name](**config.methods[name]) for name in METHODS if name in config.methods))
    if made.needs:
        raise UserError(f"config.methods needs {', '.join(sorted(made.needs))}, which no manifest brings yet")
    return made


def schedule(config: Config, num_videos: int) -> Schedule:
    """Epochs in steps. An epoch is as many whole batches as the training videos make."""
    steps_per_epoch = max(1, num_videos // config.batch_size)
    num_steps = config.train.steps or math.ceil(config.train.epochs * steps_per_epoch)
    return Schedule(num_steps, steps_per_epoch, max(1, round(config.train.save_every_epochs * steps_per_epoch)))


def learning_rate(config: Config, steps: Schedule) -> optax.Schedule:
    """The learning rate at each step."""
    peak = optim.scaled_rate(config.optim.base_lr, config.batch_size)
    if config.optim.schedule == "released":
        return optim.released(peak, steps.num_steps, steps.steps_per_epoch)
    return optim.warmup_cosine(peak, steps.num_steps, config.optim.warmup_fraction, config.optim.final_fraction)


def optimizer(config: Config, rate: optax.Schedule) -> optax.GradientTransformation:
    """AdamW as the config says, at this learning rate."""
    return optim.adamw(
        rate,
        weight_decay=config.optim.weight_decay,
        b1=config.optim.b1,
        b2=config.optim.b2,
        decay_kernels_only=config.optim.decay_kernels_only,
        clip_norm=config.optim.clip_norm,
    )


def _check_classes(config: Config, manifest: Manifest) -> None:
    expected, found = config.model.num_classes, len(manifest.classes)
    if expected is not None and expected != found:
        raise UserError(
            f"config.model.num_classes is {expected}, but {config.data.manifest} has {found} classes; mend either"
        )


def _fingerprint(*manifests: Manifest) -> str:
    """Changes with every change that would change the stream of batches or the validation."""
    content = [(manifest.ids, manifest.labels.tolist(), manifest.classes) for manifest in manifests]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _clip_spec(config: Config, **choices: Any) -> ClipSpec:
    data = config.data
    return ClipSpec(
        num_frames=data.num_frames, stride=data.stride, size=data.size, short_side=data.short_side, **choices
    )


def _views(config: Config) -> list[ClipSpec]:
    """The clips of a test video whose probabilities are averaged, the middle one in time and space first."""
    count = config.eval.temporal_views
    if config.eval.clip == "start" and count > 1:
        raise UserError(
            f"config.eval.clip is 'start', of which there is one, but temporal_views is {count}; use 'centre'"
        )
    times = [0.0] if config.eval.clip == "start" else [(view + 0.5) / count for view in range(count)]
    places = [0.0, 0.5, 1.0] if config.eval.spatial_views == 3 else [0.5]
    views = [_clip_spec(config, augment="none", time=time, place=place) for time in times for place in places]
    return sorted(views, key=lambda spec: abs(spec.time - 0.5) + abs(spec.place - 0.5))


def _loading(config: Config) -> dict[str, int]:
    return {
        "process_index": jax.process_index(),
        "process_count": jax.process_count(),
        "workers": config.loader.workers,
        "threads": config.loader.threads,
    }


def _feed(loader: Batches, num_classes: int, mesh: Mesh, unreadable: dict[str, str]) -> Iterator[Batch]:
    with loader:
        for batch in device_batches(loader, num_classes, mesh):
            unreadable.update(loader.failures)
            yield batch
