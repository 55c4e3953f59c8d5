"""Loads the models to evaluate: checkpoints of training runs, and other weights."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from albar_jax import wiring
from albar_jax.config import Config, parse
from albar_jax.errors import UserError
from albar_jax.storage.class_names import read_class_list
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.train.checkpoint_checks import damage_as_user_error
from albar_jax.types import Params
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.loading import classes_file, load
from albar_jax.weights.trees import flatten


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model to evaluate.

    Attributes:
      name: its name in tables.
      config: the config to evaluate it with.
      classes: the names of its classes, in the order of their numbers.
      step: the training step of the checkpoint; None for other weights.
      restore: returns its parameters, given a template with their shapes and shardings.
      workdir: the folder of its training; None for other weights.
    """

    name: str
    config: Config
    classes: tuple[str, ...]
    step: int | None
    restore: Callable[[Params], Params]
    workdir: Path | None = None


def from_workdir(workdir: str, checkpoint: str, config: ConfigDict | None = None) -> Trained:
    """Loads the model of a training run.

    Args:
      workdir: folder of the run.
      checkpoint: "best", "last" or a step.
      config: its `eval`, `loader`, manifest, test split and short-video rules replace those of the
        run. Use it for other views, for another protocol, or for videos that have moved.

    Raises:
      UserError: the checkpoint does not exist or is damaged.
    """

    def config_of(saved: ConfigDict) -> Config:
        trained = parse(saved)
        if config is None:
            return trained

        tested = parse(config)
        data = dataclasses.replace(
            trained.data,
            manifest=tested.data.manifest,
            test_split=tested.data.test_split,
            short=tested.data.short,
            starts=tested.data.starts,
        )
        return dataclasses.replace(trained, eval=tested.eval, loader=tested.loader, data=data)

    return from_checkpoint(Path(workdir), checkpoint, config_of)


def from_checkpoint(
    workdir: Path, checkpoint: str, config_of: Callable[[ConfigDict], Config]
) -> Trained:
    """Loads the model of a training run, with another config.

    Args:
      workdir: folder of the run.
      checkpoint: "best", "last" or a step.
      config_of: returns the config to evaluate with, given the config of the training.

    Raises:
      UserError: the checkpoint does not exist or is damaged.
    """
    checkpoints = Checkpoints(workdir, read_only=True)
    step = checkpoints.find(checkpoint)
    if step is None:
        raise UserError(
            f"{workdir} has no finished checkpoint yet; train until the first one is saved"
        )
    meta = checkpoints.meta(step, ["config", "classes"])
    with damage_as_user_error(checkpoints.directory / str(step)):
        config = config_of(ConfigDict(meta["config"]))

    def restore(template: Params) -> Params:
        params = checkpoints.restore_params(step, template)
        _require_finite(params, f"{workdir} at step {step}")
        return params

    return Trained(
        name=config.name,
        config=config,
        classes=tuple(meta["classes"]),
        step=step,
        restore=restore,
        workdir=workdir,
    )


def _require_finite(params: Params, source: str) -> None:
    """Raises UserError for parameters that are not finite; every process checks its own copy."""
    local = {path: np.asarray(leaf.addressable_data(0)) for path, leaf in flatten(params).items()}
    refuse_unusable(local, source)


def from_weights(weights: str, config: ConfigDict, *, checks_manifest: bool = True) -> Trained:
    """Loads converted or PyTorch weights that were not trained here.

    If there is a class list next to the weights, it numbers the classes, and the manifest must have
    the same classes.

    Args:
      weights: what `albar_jax.weights.loading.load` takes.
      config: the config to evaluate with.
      checks_manifest: whether to read the manifest even if there is a class list. Labels are not
        needed to predict videos.

    Raises:
      UserError: the weights and the manifest have different classes.
    """
    parsed = parse(config)
    listed = read_class_list(classes_file(weights)).names
    classes = listed
    if not (checks_manifest or listed):
        _require_manifest(weights, parsed.data.manifest)
    if checks_manifest or not listed:
        classes = _checked_classes(weights, parsed, listed)

    def restore(template: Params) -> Params:
        network, params = load(weights, wiring.model_config(parsed, len(classes)))
        if network.num_classes != len(classes):
            raise UserError(
                f"{weights} has {network.num_classes} classes, but {parsed.data.manifest} has "
                f"{len(classes)}; fine-tune it first, with `albar train` and --config.init"
            )
        # The heads of methods are only in the template. Evaluation does not need them.
        return jax.device_put(params, jax.tree.leaves(template)[0].sharding)

    return Trained(
        name=Path(weights).name, config=parsed, classes=classes, step=None, restore=restore
    )


def _require_manifest(weights: str, manifest: str) -> None:
    """Raises UserError if weights without a class list have no manifest either."""
    if not Path(manifest).exists():
        raise UserError(
            f"the classes of {weights} have no names: there is neither {classes_file(weights)}, "
            f"which `albar export` writes, nor the manifest {manifest}; copy the first, or name a "
            "manifest with --config.data.manifest"
        )


def encoder_from_weights(weights: str, config: ConfigDict) -> Trained:
    """Loads weights for their features; classes do not matter, so they are numbered.

    Args:
      weights: what `albar_jax.weights.loading.load` takes.
      config: config of the network.
    """
    parsed = parse(config)
    # Weights may have any number of classes.
    network, params = load(weights, wiring.model_config(parsed, num_classes=1))

    def restore(template: Params) -> Params:
        return jax.device_put(params, jax.tree.leaves(template)[0].sharding)

    classes = tuple(map(str, range(network.num_classes)))
    return Trained(Path(weights).name, parsed, classes, step=None, restore=restore)


def _checked_classes(weights: str, config: Config, listed: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the classes of the weights in the order of their numbers.

    Args:
      weights: the weights.
      config: config that names the manifest.
      listed: classes of the list next to the weights; empty if there is none.
    """
    manifest = config.data.manifest
    in_manifest = wiring.class_names(config)
    if not listed:
        return in_manifest

    different = sorted({*listed} ^ {*in_manifest})
    if different:
        owner = classes_file(weights) if different[0] in listed else manifest
        raise UserError(
            f"{weights} has other classes than {manifest}: only {owner} has {different[0]!r}; "
            "fine-tune it first, with `albar train` and --config.init"
        )
    return listed
