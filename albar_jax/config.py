"""From a `ConfigDict`, which people edit and override by flags, to frozen dataclasses, which the code uses.

`configs/base.py` holds every default and says what each field means; this file holds their types.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from albar_jax.errors import UserError
from albar_jax.methods import METHODS


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Which network; see `albar_jax.models`."""

    preset: Literal["tiny", "small", "base", "micro", "swin2d_tiny", "micro2d", "resnet18", "resnet50", "resnet_micro"]
    num_classes: int | None
    drop_path_rate: float
    head_dropout: float
    dtype: Literal["float32", "bfloat16"]
    remat: Literal["none", "blocks", "matrices"]


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which videos, and how a clip is made of one."""

    manifest: str
    train_split: str
    validation_split: str | None
    validation_fraction: float
    test_split: str
    num_frames: int
    stride: int
    size: int
    short_side: int
    augment: Literal["crop_flip", "squash_flip", "roll", "none"]
    masks: str
    stills: str
    scenes: str
    # Manifests of runs that were saved without the field had no groups; the fingerprint of the videos guards them.
    hold_out: Literal["group", "video"] = "group"


@dataclasses.dataclass(frozen=True)
class LoaderConfig:
    """How the machine decodes. No field changes a single bit of a batch."""

    workers: int
    threads: int


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """The optimiser and its schedule."""

    name: Literal["adamw", "sgd"]
    base_lr: float
    schedule: Literal["warmup_cosine", "released", "steps"]
    warmup_fraction: float
    final_fraction: float
    weight_decay: float
    decay_kernels_only: bool
    b1: float
    b2: float
    clip_norm: float | None


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long, and how often to save and to speak."""

    epochs: float
    steps: int | None
    parts: int
    save_every_epochs: float
    log_every_steps: int


@dataclasses.dataclass(frozen=True)
class EvalConfig:
    """Which tests, and which views of a video."""

    suite: str
    directory: str
    batch_size: int
    clip: Literal["centre", "start"]
    temporal_views: int
    spatial_views: Literal[1, 3]
    temporal_tests: bool
    static_validation: bool


@dataclasses.dataclass(frozen=True)
class Config:
    """One whole experiment."""

    name: str
    seed: int
    init: str
    batch_size: int
    parallel: Literal["data", "fsdp"]
    methods: Mapping[str, Mapping[str, Any]]
    model: ModelConfig
    data: DataConfig
    loader: LoaderConfig
    optim: OptimConfig
    train: TrainConfig
    eval: EvalConfig


def method_options(*names: str) -> ConfigDict:
    """The config section of these methods, in order: the options of each and their defaults, from its `make`.

    Raises:
      UserError: for a method that does not exist, or is named twice.
    """
    section = ConfigDict()
    if len(set(names)) < len(names):
        raise UserError(f"the methods {'+'.join(names)} name one of them twice")
    for name in names:
        if name not in METHODS:
            raise UserError(f"there is no method {name!r}; there are {', '.join(sorted(METHODS))}")
        options = inspect.signature(METHODS[name]).parameters.values()
        section[name] = ConfigDict({option.name: _default(option) for option in options})
    return section


def parse(config: ConfigDict) -> Config:
    """The typed config.

    Raises:
      UserError: for a missing, an unknown or an impossible field, with its name and what it may be.
    """
    parsed = _parse(Config, config.to_dict(), "config")
    _check_methods(parsed)
    _check_ranges(parsed)
    return parsed


def _check_methods(config: Config) -> None:
    for name, options in config.methods.items():
        known = method_options(name)[name].to_dict()
        for option in sorted(set(options) ^ set(known)):
            fault = "unknown" if option in options else "missing"
            raise UserError(f"config.methods.{name}.{option} is {fault}; its options are {', '.join(known)}")


def _check_ranges(config: Config) -> None:
    data, optim, train = config.data, config.optim, config.train
    rules = [
        ("seed", config.seed, config.seed >= 0, "0 or more"),
        ("batch_size", config.batch_size, config.batch_size > 0, "more than 0"),
        ("data.num_frames", data.num_frames, data.num_frames > 0, "more than 0"),
        ("data.stride", data.stride, data.stride > 0, "more than 0"),
        ("data.size", data.size, data.size > 0, "more than 0"),
        ("data.short_side", data.short_side, data.short_side >= data.size, f"at least data.size, {data.size}"),
        ("loader.workers", config.loader.workers, config.loader.workers >= 0, "0 or more"),
        ("loader.threads", config.loader.threads, config.loader.threads >= 0, "0 or more"),
        ("optim.warmup_fraction", optim.warmup_fraction, 0 <= optim.warmup_fraction < 1, "from 0 to below 1"),
        ("optim.b1", optim.b1, 0 <= optim.b1 < 1, "from 0 to below 1"),
        ("optim.b2", optim.b2, 0 <= optim.b2 < 1, "from 0 to below 1"),
        ("train.epochs", train.epochs, train.epochs > 0, "more than 0"),
        ("train.steps", train.steps, train.steps is None or train.steps > 0, "more than 0"),
        ("train.parts", train.parts, train.parts > 0, "more than 0"),
        ("train.save_every_epochs", train.save_every_epochs, train.save_every_epochs > 0, "more than 0"),
        ("train.log_every_steps", train.log_every_steps, train.log_every_steps > 0, "more than 0"),
        ("eval.batch_size", config.eval.batch_size, config.eval.batch_size > 0, "more than 0"),
        ("eval.temporal_views", config.eval.temporal_views, config.eval.temporal_views > 0, "more than 0"),
    ]
    if data.validation_split is None:
        share = data.validation_fraction
        rules.append(("data.validation_fraction", share, 0 < share < 1, "between 0 and 1"))
    for name, value, is_right, wanted in rules:
        if not is_right:
            raise UserError(f"config.{name} is {value}; it has to be {wanted}")


def _default(option: inspect.Parameter) -> Any:
    # A ConfigDict field that is None cannot be overridden by a flag unless it knows its type.
    if option.default is None:
        kind = next(kind for kind in typing.get_args(option.annotation) if kind is not type(None))
        return placeholder(kind)
    return option.default


def _parse(cls: type, values: Mapping[str, Any], where: str) -> Any:
    kinds = typing.get_type_hints(cls)
    if unknown := sorted(set(values) - set(kinds)):
        raise UserError(f"{where} has no field {unknown[0]!r}; it has {', '.join(kinds)}")
    if missing := sorted(set(kinds) - set(values)):
        raise UserError(f"{where} lacks the field {missing[0]!r}; start from configs/base.py")
    return cls(**{name: _check(kind, values[name], f"{where}.{name}") for name, kind in kinds.items()})


def _check(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _parse(kind, value, where)
    origin = typing.get_origin(kind)
    if origin is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise UserError(f"{where} is {value!r}; it is one of {', '.join(map(repr, choices))}")
        return value
    allowed = typing.get_args(kind) if origin is types.UnionType else (origin or kind,)
    if float in allowed and type(value) is int:
        return float(value)
    if not isinstance(value, allowed) or (type(value) is bool and bool not in allowed):
        raise UserError(f"{where} is {value!r}; it has to be {' or '.join(one.__name__ for one in allowed)}")
    return value
