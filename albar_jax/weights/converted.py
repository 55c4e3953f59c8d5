"""Saves and loads converted directories: weights in this library's own format.

A directory holds `params` (an orbax checkpoint), `model.json` (the architecture and the number of
classes) and `SHA256SUMS` (the checksums of both).
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from albar_jax.errors import UserError, naming, say
from albar_jax.files import plainly_named
from albar_jax.models import NetworkConfig, ResNetConfig, VideoSwinConfig
from albar_jax.schema import fields
from albar_jax.storage import json_files, orbax_errors, orbax_files, seals, temporary
from albar_jax.types import Params
from albar_jax.weights import torch_files
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.torch_params import param_shapes
from albar_jax.weights.trees import flatten

# Building larger networks would take hours.
_MOST_STAGES = 16
_MOST_BLOCKS = 1000


def save_converted(directory: str | Path, config: NetworkConfig, params: Params) -> None:
    """Writes weights, their architecture and checksums to a new directory, all or nothing.

    Removes leftovers of a killed writer of the directory. The caller must hold its lock; see
    `lock.writing`.

    Args:
      directory: new directory.
      config: architecture and number of classes; training options are not saved.
      params: our weights.

    Raises:
      UserError: the directory already exists.
    """
    directory = Path(os.path.abspath(directory))
    if directory.exists():
        raise UserError(f"{directory} already exists; delete it or choose another directory")

    directory.parent.mkdir(parents=True, exist_ok=True)
    with naming(directory), temporary.folder_beside(directory) as partial:
        (partial / "model.json").write_text(json.dumps(config.saved_fields(), indent=2) + "\n")
        with plainly_named(partial) as name:
            orbax_files.save_tree(name / "params", params)
        seals.seal(partial)
        temporary.put_in_place(partial, directory)


def load_converted(directory: str | Path) -> tuple[NetworkConfig, Params]:
    """Reads weights written by `save_converted`.

    Returns:
      The config with default training options, and the weights.

    Raises:
      UserError: the directory was not written by `save_converted`, is damaged, or holds numbers
        that are not finite.
    """
    directory = Path(directory).absolute()
    if not (directory / "model.json").is_file():
        raise UserError(
            f"{directory} holds no model.json: it was not written by `albar convert`"
            f"{_hint(directory)}"
        )

    if (directory / "params").is_dir():
        _refuse_damage(directory)
    config = _read_config(directory / "model.json")
    params = _restore(directory, config)

    arrays = {path: np.asarray(leaf) for path, leaf in flatten(params).items()}
    refuse_unusable(arrays, directory)
    return config, params


def _restore(directory: Path, config: NetworkConfig) -> Params:
    def message(reason: str) -> str:
        return f"{directory} is damaged ({reason}); convert the weights again"

    with orbax_errors.damage_as_user_error(message), plainly_named(directory) as name:
        return orbax_files.load_tree(name / "params", param_shapes(config))


def _refuse_damage(directory: Path) -> None:
    if not seals.is_sealed(directory):
        say(
            f"note: {directory} has no checksums, because an earlier version wrote it; damage is "
            "not detected"
        )
        return

    # Users may add a description or the class names to the directory.
    fault = seals.fault(directory, may_hold_more=True)
    if fault:
        raise UserError(
            f"{directory} is damaged ({fault}); copy it again, or convert the weights again"
        )


def _read_config(path: Path) -> NetworkConfig:
    """Reads the architecture from model.json.

    Raises:
      UserError: the architecture is invalid or too large.
    """
    remedy = "; convert the weights again"
    model = json_files.read_object(path, remedy=remedy)
    names = {*ResNetConfig.architecture, *VideoSwinConfig.architecture, "num_classes"}
    for name in names & model.keys():
        _check_size(name, model[name], path)

    # Only ResNets have this field.
    kind = ResNetConfig if "bottleneck" in model else VideoSwinConfig
    try:
        return kind(**model)
    # A field is missing or unknown, or is a number instead of a list.
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} is not a valid network architecture ({error}){remedy}") from error


def _check_size(name: str, value: Any, path: Path) -> None:
    """Raises UserError unless a field is a number or list of numbers within the limits."""
    if name == "bottleneck":
        fields.check(bool, value, f"{name} of {path}")
        return

    numbers = value if isinstance(value, list) else [value]
    if len(numbers) > _MOST_STAGES:
        raise UserError(f"{name} of {path} has {len(numbers)} numbers; the limit is {_MOST_STAGES}")

    checked = [fields.check(fields.Count, number, f"{name} of {path}") for number in numbers]
    has_text = any(isinstance(number, str) for number in numbers)
    is_too_deep = name == "depths" and sum(checked) > _MOST_BLOCKS
    if has_text or is_too_deep:
        raise UserError(
            f"{name} of {path} is {value}, which is not valid for a network; convert the weights "
            "again"
        )


def _hint(directory: Path) -> str:
    """Returns a remedy for a directory of another program's weights."""
    names = sorted(path.name for path in directory.iterdir())
    if ".metadata" in names or any(name.endswith(".distcp") for name in names):
        return (
            "; it is a distributed checkpoint of PyTorch: make one file of it with "
            "`python -m torch.distributed.checkpoint.format_utils dcp_to_torch DIR FILE.pth`"
        )
    if "zero_to_fp32.py" in names:
        return "; it is a checkpoint of DeepSpeed: make one file of it with its zero_to_fp32.py"

    files = [name for name in names if name.endswith(torch_files.READ_SUFFIXES)]
    indices = [name for name in files if name.endswith(".index.json")]
    candidates = indices or files
    if not candidates:
        return ""
    return f"; give the file in it, {candidates[0]}"
