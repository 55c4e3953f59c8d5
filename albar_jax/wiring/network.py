"""Builds the network, its method and its optimizer from a config."""

import dataclasses
import math

import jax
import optax
from jax.sharding import Mesh

from albar_jax.config import Config, scaled_lr
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

# Folded into the random key of the classifier. It is larger than the numbers of methods' heads.
HEAD_NUMBER = 2**16


@dataclasses.dataclass(frozen=True)
class RunLength:
    """The length of a run in steps.

    Attributes:
      num_steps: steps of the run.
      steps_per_epoch: steps per epoch, at least 1.
      save_every: interval of checkpoints in steps, at least 1.
    """

    num_steps: int
    steps_per_epoch: int
    save_every: int


def model_config(config: Config, num_classes: int, platform: str | None = None) -> NetworkConfig:
    """Returns the preset of a config, with the fields that the config changes.

    Args:
      config: config of the experiment.
      num_classes: number of classes of the classifier.
      platform: platform to run on, such as "cpu" or "tpu". None is the platform of this process's
        devices.
    """
    preset = PRESETS[config.model.preset]
    options = config.model
    common = {
        "num_classes": num_classes,
        "head_dropout": options.head_dropout,
        "dtype": options.dtype,
    }

    # A ResNet has no such fields: it has neither stochastic depth nor rematerialization.
    if isinstance(preset, ResNetConfig):
        return dataclasses.replace(preset, **common)

    used_platform = platform or jax.default_backend()
    return dataclasses.replace(
        preset,
        **common,
        drop_path_rate=options.drop_path_rate,
        remat=options.remat,
        for_cpu=used_platform == "cpu",
    )


def model(config: Config, num_classes: int, platform: str | None = None) -> tuple[Apply, Params]:
    """Creates the network with the heads of its methods, and its random weights.

    Args:
      config: config of the experiment.
      num_classes: number of classes of the classifier.
      platform: as in `model_config`.
    """
    architecture = model_config(config, num_classes, platform)
    key = jax.random.key(config.seed)
    apply, weights = create(architecture, key)

    # A separate key, so that the head does not depend on the draws of the network.
    head_key = jax.random.fold_in(key, HEAD_NUMBER)
    weights = with_new_head(weights, config.model.head_init, head_key)

    return with_heads(apply, weights, method(config).heads, key, architecture.feature_width)


def model_shapes(config: Config, num_classes: int, mesh: Mesh) -> tuple[Apply, Params]:
    """Creates the network without drawing weights, for weights that are restored or loaded.

    Args:
      config: config of the experiment.
      num_classes: number of classes of the classifier.
      mesh: devices of the weights. They may belong to another machine.

    Returns:
      The network, and a tree of `jax.ShapeDtypeStruct`, replicated over the mesh.
    """
    created: list[Apply] = []

    # `eval_shape` returns only shapes, so the function is passed out through a list.
    def weights_of_model() -> Params:
        apply, weights = model(config, num_classes, mesh.devices.flat[0].platform)
        created.append(apply)
        return weights

    shapes = jax.eval_shape(weights_of_model)
    sharding = replicated(mesh)
    shapes = jax.tree.map(lambda leaf: leaf.update(sharding=sharding), shapes)

    return created[0], shapes


def method(config: Config) -> Method:
    """Combines the methods of the config. Transforms run in the order of the table `METHODS`."""
    # The order of the table, so that the order of tokens does not matter.
    names = [name for name in METHODS if name in config.methods]
    return combine(*(METHODS[name](**config.methods[name]) for name in names))


def run_length(config: Config, num_videos: int) -> RunLength:
    """Converts epochs to steps. An epoch has only full batches, but at least one.

    Args:
      config: config of the experiment.
      num_videos: number of training videos.

    Raises:
      UserError: the run has more than `MAX_STEPS` steps.
    """
    # The incomplete last batch of an epoch is left out.
    steps_per_epoch = max(1, num_videos // config.batch_size)
    num_steps = config.train.steps or math.ceil(config.train.epochs * steps_per_epoch)
    if num_steps > MAX_STEPS:
        raise UserError(
            f"config.train.epochs is {config.train.epochs:g}, which makes {num_steps:,} steps; "
            f"at most {MAX_STEPS:,}"
        )

    save_every = max(1, round(config.train.save_every_epochs * steps_per_epoch))
    return RunLength(num_steps, steps_per_epoch, save_every)


def learning_rate(config: Config, length: RunLength) -> optax.Schedule:
    """Returns the learning rate as a function of the step."""
    options = config.optim
    peak = scaled_lr(options.peak_lr, config.batch_size, options.scale_lr_from_batch)

    if options.schedule == "steps":
        return optim.steps(peak, length.num_steps)
    if options.schedule == "released":
        return optim.released(peak, length.num_steps, length.steps_per_epoch)

    # The two cosines share their warm-up and their end.
    cosine_options = {
        "warmup_fraction": options.warmup_fraction,
        "warmup_start": options.warmup_start,
        "final_fraction": options.final_fraction,
    }
    if options.schedule == "epoch_cosine":
        return optim.epoch_cosine(peak, length.num_steps, length.steps_per_epoch, **cosine_options)
    return optim.warmup_cosine(peak, length.num_steps, **cosine_options)


def optimizer(config: Config, rate: optax.Schedule) -> optax.GradientTransformation:
    """Returns the config's optimizer with the learning rate `rate`."""
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
