"""From a config to the network, its method and its optimiser."""

import dataclasses
import math

import jax
import optax
from jax.sharding import Mesh

from albar_jax.config import Config
from albar_jax.errors import UserError
from albar_jax.methods import METHODS, combine
from albar_jax.methods.base import Method
from albar_jax.methods.heads import with_heads
from albar_jax.models import PRESETS, NetworkConfig, ResNetConfig, create
from albar_jax.models.head import with_new_head
from albar_jax.parallel.mesh import replicated
from albar_jax.schema.fields import MAX_STEPS
from albar_jax.train import optim
from albar_jax.types import Apply, Params

# Folded into the random key of the head; larger than the numbers of the heads of methods.
HEAD_NUMBER = 2**16


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A run in steps."""

    num_steps: int
    steps_per_epoch: int
    save_every: int


def model_config(config: Config, num_classes: int, platform: str | None = None) -> NetworkConfig:
    """The preset with the changes of the config, for `platform`: "cpu", say; None is that of the devices here."""
    preset, options = PRESETS[config.model.preset], config.model
    common = {
        "num_classes": num_classes,
        "head_dropout": options.head_dropout,
        "dtype": options.dtype,
    }
    if isinstance(
        preset, ResNetConfig
    ):  # it has blocks of its own kind, which are neither dropped nor recomputed
        return dataclasses.replace(preset, **common)
    for_cpu = (platform or jax.default_backend()) == "cpu"
    of_swin = {"drop_path_rate": options.drop_path_rate, "remat": options.remat, "for_cpu": for_cpu}
    return dataclasses.replace(preset, **common, **of_swin)


def model(config: Config, num_classes: int, platform: str | None = None) -> tuple[Apply, Params]:
    """The network with the heads of its methods, and its random weights; `platform` as in `model_config`."""
    architecture, key = model_config(config, num_classes, platform), jax.random.key(config.seed)
    apply, weights = create(architecture, key)
    weights = with_new_head(weights, config.model.head_init, jax.random.fold_in(key, HEAD_NUMBER))
    return with_heads(apply, weights, method(config).heads, key, architecture.feature_width)


def model_shapes(config: Config, num_classes: int, mesh: Mesh) -> tuple[Apply, Params]:
    """`model` for weights that come from elsewhere: none are drawn.

    Instead of weights a tree of `jax.ShapeDtypeStruct`, each whole on every device of the mesh, which need not be here.
    """
    made: list[Apply] = []

    def note_apply() -> Params:
        apply, weights = model(config, num_classes, mesh.devices.flat[0].platform)
        made.append(apply)
        return weights

    shapes = jax.tree.map(
        lambda leaf: leaf.update(sharding=replicated(mesh)), jax.eval_shape(note_apply)
    )
    return made[0], shapes


def method(config: Config) -> Method:
    """The methods of the config as one. Their transforms run in the order of the table METHODS."""
    return combine(
        *(METHODS[name](**config.methods[name]) for name in METHODS if name in config.methods)
    )


def schedule(config: Config, num_videos: int) -> Schedule:
    """Epochs in steps. An epoch is as many whole batches as the training videos make."""
    steps_per_epoch = max(1, num_videos // config.batch_size)
    num_steps = config.train.steps or math.ceil(config.train.epochs * steps_per_epoch)
    if num_steps > MAX_STEPS:
        raise UserError(
            f"config.train.epochs is {config.train.epochs:g}, which makes {num_steps:,} steps; at most {MAX_STEPS:,}"
        )
    return Schedule(
        num_steps, steps_per_epoch, max(1, round(config.train.save_every_epochs * steps_per_epoch))
    )


def learning_rate(config: Config, steps: Schedule) -> optax.Schedule:
    """The learning rate at each step."""
    options = config.optim
    peak = optim.scaled_rate(options.base_lr, config.batch_size)
    if options.schedule == "steps":
        return optim.steps(peak, steps.num_steps)
    if options.schedule == "released":
        return optim.released(peak, steps.num_steps, steps.steps_per_epoch)
    shape = {
        "warmup_fraction": options.warmup_fraction,
        "warmup_start": options.warmup_start,
        "final_fraction": options.final_fraction,
    }
    if options.schedule == "epoch_cosine":
        return optim.epoch_cosine(peak, steps.num_steps, steps.steps_per_epoch, **shape)
    return optim.warmup_cosine(peak, steps.num_steps, **shape)


def optimizer(config: Config, rate: optax.Schedule) -> optax.GradientTransformation:
    """The optimiser that the config names, at this learning rate."""
    options = config.optim
    common = {
        "weight_decay": options.weight_decay,
        "decay": options.decay,
        "head_rate": options.head_rate,
        "clip_norm": options.clip_norm,
    }
    if options.name == "sgd":
        return optim.sgd(rate, momentum=options.b1, **common)
    return optim.adamw(rate, b1=options.b1, b2=options.b2, **common)
