"""Reads configs of saved runs, and compares them with the current one."""

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from albar_jax.config.experiment import Config
from albar_jax.methods import METHODS, SAVED_VALUES
from albar_jax.schema import sections
from albar_jax.schema.changes import config_difference, flatten
from albar_jax.schema.definition import Occasion, leaves

# Version 0.1 scaled every learning rate linearly from this batch size.
OLD_REFERENCE_BATCH = 64

_PEAK_LR = "optim.peak_lr"
_REFERENCE_BATCH = "optim.scale_lr_from_batch"
# Larger learning rates and batches are damage.
_LARGEST = 1e6


def may_change_on(occasion: Occasion) -> frozenset[str]:
    """Returns the dotted names of the fields that may have another value on an occasion."""
    return frozenset(leaf.name for leaf in leaves(Config) if occasion in leaf.definition.may_change)


def scaled_lr(peak_lr: float, batch_size: int, reference_batch: int | None) -> float:
    """Returns the peak learning rate at a batch, by the linear scaling rule.

    Args:
      peak_lr: peak learning rate at `reference_batch`.
      batch_size: clips per step, over all devices.
      reference_batch: batch size of `peak_lr`; None does not scale.
    """
    if reference_batch is None:
        return peak_lr

    return peak_lr * batch_size / reference_batch


def upgrade_saved(config: Mapping[str, Any]) -> dict[str, Any]:
    """Converts a saved config to the current fields, without a change of its meaning.

    Adds fields and method options that did not exist then, with values that keep the run's
    behavior. Renames fields and values that have other names now. A current config is unchanged.
    """
    upgraded = sections.upgrade(Config, config)

    # The name of `decay` in version 0.1, when it was a boolean.
    optim = upgraded.get("optim")
    if isinstance(optim, dict) and "decay_kernels_only" in optim:
        optim["decay"] = "kernels" if optim.pop("decay_kernels_only") else "all"

    methods = upgraded.get("methods")
    if isinstance(methods, Mapping):
        upgraded["methods"] = {
            name: _upgrade_options(name, options) for name, options in methods.items()
        }
    return upgraded


def lasting(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the leaves of a nested config that must not change when a run is resumed."""
    free = may_change_on("resume")
    return {name: value for name, value in flatten(config).items() if name not in free}


def differences(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Returns a line `key: saved -> current` for each difference that prevents resuming a run."""
    saved_leaves = lasting(upgrade_saved(saved))
    current_leaves = lasting(upgrade_saved(current))
    lines = config_difference(_comparable(saved_leaves), _comparable(current_leaves))

    # The lines show the values as the configs have them, not as they are compared.
    names = {line.partition(": ")[0] for line in lines}
    if _PEAK_LR in names:
        names.add(_REFERENCE_BATCH)
    return config_difference(_select(saved_leaves, names), _select(current_leaves, names))


def _select(leaves_by_name: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in leaves_by_name.items() if name in names}


def names_of_0_1(leaves_by_name: Mapping[str, Any], batch_size: int) -> dict[str, Any]:
    """Returns the leaves of a config under the names and values that version 0.1 had.

    The folders of studies are named by a hash of these, so that runs of 0.1 are found.

    Args:
      leaves_by_name: dotted name -> value; all fields of the learning rate are there.
      batch_size: clips per step, over all devices.
    """
    # Version 0.1 had only the rate at its reference batch.
    old = dict(leaves_by_name)
    reference_batch = old.pop(_REFERENCE_BATCH) or batch_size
    old[_PEAK_LR] = old[_PEAK_LR] * OLD_REFERENCE_BATCH / reference_batch

    for leaf in leaves(Config):
        if leaf.name not in old:
            continue
        value = _old_value(leaf.definition.saved_values, old.pop(leaf.name))
        section = leaf.name.rpartition(".")[0]
        old_name = leaf.definition.saved_name
        old[f"{section}.{old_name}" if old_name else leaf.name] = value

    for method, options in SAVED_VALUES.items():
        for option, new_values in options.items():
            name = f"methods.{method}.{option}"
            if name in old:
                old[name] = _old_value(new_values, old[name])

    return old


def _old_value(new_values: Mapping[str, str], value: Any) -> Any:
    """Returns the old name of a value; `new_values` maps old to new names."""
    for old, new in new_values.items():
        if value == new:
            return old

    return value


def _upgrade_options(name: str, options: Any) -> Any:
    """Returns the options of a method with new values and the defaults of missing options."""
    # A damaged config may have anything here; `parse` refuses it.
    if name not in METHODS or not isinstance(options, Mapping):
        return options

    # The default of an option that was added later is the behavior before it existed.
    upgraded = {}
    for option in inspect.signature(METHODS[name]).parameters.values():
        upgraded[option.name] = option.default
    upgraded |= options

    for option, new_values in SAVED_VALUES.get(name, {}).items():
        value = upgraded[option]
        if isinstance(value, str):
            upgraded[option] = new_values.get(value, value)

    return upgraded


def _comparable(leaves_by_name: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the leaves to compare, with the learning rate at the config's own batch.

    A recipe may state the same learning rate at another reference batch than the saved config.
    """
    compared = dict(leaves_by_name)
    peak_lr: Any = compared.get(_PEAK_LR)
    batch_size: Any = compared.get("batch_size")
    reference_batch: Any = compared.get(_REFERENCE_BATCH)

    # A damaged config may have anything here. Such values are compared as they are.
    numbers = [peak_lr, batch_size]
    if reference_batch is not None:
        numbers.append(reference_batch)
    if not all(type(number) in (int, float) and 0 < number <= _LARGEST for number in numbers):
        return compared

    # Schedules compute in float32.
    compared[_PEAK_LR] = float(np.float32(scaled_lr(peak_lr, batch_size, reference_batch)))
    compared.pop(_REFERENCE_BATCH, None)
    return compared
