"""From a `ConfigDict`, which people edit and override by flags, to frozen dataclasses, which the code uses.

`configs/base.py` holds every default and says what each field means; this file holds their types.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, Literal

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from albar_jax.errors import UserError
from albar_jax.evaluation.suites import SUITES
from albar_jax.methods import METHODS
from albar_jax.schema import fields, sections
from albar_jax.schema.fields import (
    Count,
    FileName,
    NonNegative,
    Pixels,
    Positive,
    Seed,
    Share,
    ShareBelowOne,
    Steps,
    Workers,
)
from albar_jax.schema.paths import expand_paths
from albar_jax.storage import budget

VIEW_KINDS = ("iid", "bias", "conflfg")

# Fields with a default were added after 0.1. The default is the behaviour of runs saved without the field, so that old
# runs can be resumed and evaluated. `configs/base.py` has the defaults of new runs.


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Which network; see `albar_jax.models`."""

    preset: Literal[
        "tiny",
        "small",
        "base",
        "micro",
        "swin2d_tiny",
        "micro2d",
        "resnet18",
        "resnet50",
        "resnet_micro",
    ]
    num_classes: Count | None
    drop_path_rate: ShareBelowOne
    head_dropout: ShareBelowOne
    dtype: Literal["float32", "bfloat16"]
    remat: Literal["none", "blocks", "matrices"]
    head_init: Literal["default", "torch", "i3d"] = "default"


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which videos, and how a clip is made of one."""

    manifest: str
    train_split: str
    validation_split: str | None
    validation_fraction: ShareBelowOne
    test_split: str
    num_frames: Count
    stride: Count
    size: Pixels
    short_side: Pixels
    augment: Literal["crop_flip", "squash_flip", "roll", "none"]
    masks: str
    stills: str
    scenes: str
    # Runs saved without the field had no groups; the fingerprint of the videos detects changes.
    hold_out: Literal["group", "video"] = "group"
    allow_empty_classes: bool = True
    shape: Literal["keep", "square"] = "keep"
    short: Literal["stretch", "loop"] = "stretch"
    starts: Literal["exclusive", "inclusive"] = "exclusive"


@dataclasses.dataclass(frozen=True)
class LoaderConfig:
    """The decoding settings. `decoder` and the clip limits determine which videos are readable."""

    workers: Workers
    threads: Workers
    max_unreadable: Share = 1.0
    decoder: Literal["auto", "pyav", "lenient", "decord"] = "auto"
    clip_pixels: fields.PixelBudget = budget.DEFAULT.pixels
    clip_bytes: fields.ByteBudget = budget.DEFAULT.bytes
    clip_seconds: NonNegative = budget.DEFAULT.seconds


@dataclasses.dataclass(frozen=True)
class OptimConfig:
    """The optimiser and its schedule."""

    name: Literal["adamw", "sgd"]
    base_lr: Positive
    schedule: Literal["warmup_cosine", "epoch_cosine", "released", "steps"]
    warmup_fraction: ShareBelowOne
    final_fraction: Share
    weight_decay: NonNegative
    b1: ShareBelowOne
    b2: ShareBelowOne
    clip_norm: Positive | None
    decay: Literal["all", "kernels", "no_norms", "mmcv"] = "all"
    head_rate: Positive = 1.0
    warmup_start: Share = 0.0


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long, and how often to save and to speak."""

    epochs: Positive
    steps: Steps | None
    parts: Count
    save_every_epochs: Positive
    log_every_steps: Steps


@dataclasses.dataclass(frozen=True)
class ViewsConfig:
    """The views of one kind of test set. None inherits the value of `eval` or `data`."""

    temporal_views: Count | None = None
    spatial_views: Literal[1, 3] | None = None
    short_side: Pixels | None = None
    shape: Literal["keep", "square"] | None = None


@dataclasses.dataclass(frozen=True)
class EvalConfig:
    """Which tests, and which views of a video."""

    suite: str
    directory: str
    batch_size: Count
    clip: Literal["centre", "start"]
    temporal_views: Count
    spatial_views: Literal[1, 3]
    temporal_tests: bool
    static_validation: bool
    iid: ViewsConfig = ViewsConfig()
    bias: ViewsConfig = ViewsConfig()
    conflfg: ViewsConfig = ViewsConfig()


@dataclasses.dataclass(frozen=True)
class Config:
    """One whole experiment."""

    name: FileName
    seed: Seed
    init: str
    batch_size: Count
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
    config = config.copy_and_resolve_references()
    expand_paths(config)
    parsed = sections.parse(Config, completed(config.to_dict()), "config")
    _check_videos(parsed)
    _check_tests(parsed)
    for name, options in parsed.methods.items():
        _check_method(parsed, name, options)
    return parsed


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Adds newer fields and method options to a saved config, with the values of its time."""
    whole = sections.with_defaults(Config, config)
    optim, methods = whole.get("optim"), whole.get("methods")
    # The name of `decay` in version 0.1, when it was a boolean.
    if isinstance(optim, dict) and "decay_kernels_only" in optim:
        optim["decay"] = "kernels" if optim.pop("decay_kernels_only") else "all"
    if isinstance(methods, Mapping):
        whole["methods"] = {
            name: _with_option_defaults(name, options) for name, options in methods.items()
        }
    return whole


def _with_option_defaults(name: str, options: Any) -> Any:
    if name not in METHODS or not isinstance(options, Mapping):
        return options
    defaults = {
        option.name: option.default
        for option in inspect.signature(METHODS[name]).parameters.values()
    }
    return {**defaults, **options}


def _default(option: inspect.Parameter) -> Any:
    # A ConfigDict field that is None cannot be overridden by a flag unless it knows its type.
    return placeholder(fields.bare(option.annotation)) if option.default is None else option.default


def _check_videos(config: Config) -> None:
    """Raises UserError for crops larger than the picture."""
    data = config.data
    sides = {"data": data.short_side}
    sides |= {f"eval.{kind}": getattr(config.eval, kind).short_side for kind in VIEW_KINDS}
    for section, side in sides.items():
        if side is not None and side < data.size:
            raise UserError(
                f"config.{section}.short_side is {side}; it has to be at least data.size, {data.size}"
            )


def _check_tests(config: Config) -> None:
    """Raises UserError for an unknown suite, or for several clips at the start of a video."""
    tests = config.eval
    if tests.suite not in SUITES:
        raise UserError(
            f"config.eval.suite is {tests.suite!r}; it is one of {', '.join(sorted(SUITES))}"
        )
    counts = {"eval": tests.temporal_views}
    counts |= {f"eval.{kind}": getattr(tests, kind).temporal_views for kind in VIEW_KINDS}
    for section, count in counts.items():
        if tests.clip == "start" and (count or 1) > 1:
            raise UserError(
                f"config.eval.clip is 'start', which allows 1 clip, but {section}.temporal_views is {count}; "
                "use 'centre'"
            )


def _check_method(config: Config, name: str, options: Any) -> None:
    """Raises UserError for unknown methods, invalid options, and clips that are too few."""
    if not isinstance(options, Mapping):
        raise UserError(f"config.methods.{name} is {options!r}; it has to be a section of options")
    if name not in METHODS:
        raise UserError(f"there is no method {name!r}; there are {', '.join(sorted(METHODS))}")
    method = METHODS[name](**fields.check_call(METHODS[name], options, f"config.methods.{name}"))
    needs = {
        "data.num_frames": (config.data.num_frames, method.min_frames, "frames of a clip"),
        "batch_size": (config.batch_size, method.min_clips, "clips of a batch"),
    }
    for field, (value, least, what) in needs.items():
        if value < least:
            raise UserError(
                f"config.{field} is {value}, but {name} with these options needs at least {least} {what}; "
                f"raise it, or leave {name} out"
            )
