"""A converted directory: `params` (an orbax checkpoint) and `model.json` (the architecture and num_classes).

`SHA256SUMS` holds the checksums of both.
"""

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from albar_jax.errors import UserError, naming, say
from albar_jax.files import plainly_named
from albar_jax.models import NetworkConfig, ResNetConfig, VideoSwinConfig
from albar_jax.schema import fields
from albar_jax.storage import json_files, orbax_errors, seals, temporary
from albar_jax.types import Params
from albar_jax.weights import torch_files
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.torch_names import flatten
from albar_jax.weights.torch_params import param_shapes

# Building larger networks would take hours.
_MOST_STAGES, _MOST_BLOCKS = 16, 1000


def save_converted(directory: str | Path, config: NetworkConfig, params: Params) -> None:
    """Writes parameters, their architecture and checksums to a new directory, which appears complete or not at all.

    Leftovers of a killed writer of the directory are removed. The caller must hold its lock; see `lock.writing`.

    Raises:
      UserError: the directory exists already.
    """
    directory = Path(os.path.abspath(directory))
    if directory.exists():
        raise UserError(f"{directory} exists already; delete it or choose another directory")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with naming(directory), temporary.folder_beside(directory) as partial:
        model = {name: getattr(config, name) for name in (*config.architecture, "num_classes")}
        (partial / "model.json").write_text(json.dumps(model, indent=2) + "\n")
        with (
            plainly_named(partial) as name,
            ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer,
        ):
            # From the host: orbax would write down the devices, and insist on them.
            arguments = ocp.args.StandardSave(jax.device_get(params))
            checkpointer.save(name / "params", args=arguments, custom_metadata=seals.MARK)
        seals.seal(partial)
        temporary.put_in_place(partial, directory)


def load_converted(directory: str | Path) -> tuple[NetworkConfig, Params]:
    """Reads weights written by `save_converted`, with default training options.

    Raises UserError if the directory was not written by it, is damaged, or holds numbers that are not finite.
    """
    directory = Path(directory).absolute()
    if not (directory / "model.json").is_file():
        raise UserError(
            f"{directory} holds no model.json: it was not written by `albar convert`{_hint(directory)}"
        )
    if (directory / "params").is_dir():
        _refuse_damage(directory)
    orbax_errors.print_no_background_errors()
    config = _read_config(directory / "model.json")
    try:
        with (
            plainly_named(directory) as name,
            ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer,
        ):
            arguments = ocp.args.StandardRestore(param_shapes(config))
            params = checkpointer.restore(name / "params", args=arguments)
    except orbax_errors.NO_DAMAGE:
        raise
    # Untrusted metadata can make orbax raise any error.
    except Exception as error:
        raise UserError(
            f"{directory} is damaged ({orbax_errors.in_words(error)}); convert the weights again"
        ) from error
    refuse_unusable({path: np.asarray(leaf) for path, leaf in flatten(params).items()}, directory)
    return config, params


def _refuse_damage(directory: Path) -> None:
    if not seals.is_sealed(directory):
        say(
            f"note: {directory} has no checksums, because an earlier version wrote it; damage is not detected"
        )
        return
    # Users may add a description or the class names to the directory.
    fault = seals.fault(directory, may_hold_more=True)
    if fault:
        raise UserError(
            f"{directory} is damaged ({fault}); copy it again, or convert the weights again"
        )


def _read_config(path: Path) -> NetworkConfig:
    """Reads the architecture; raises UserError if it is invalid or too large."""
    damaged = "; convert the weights again"
    model = json_files.read_object(path, remedy=damaged)
    sizes = {*ResNetConfig.architecture, *VideoSwinConfig.architecture, "num_classes"}
    for name in sizes & model.keys():
        _check_size(name, model[name], path)
    try:
        return (ResNetConfig if "bottleneck" in model else VideoSwinConfig)(**model)
    # A field is missing or unknown, or is a number instead of a list.
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} is not a valid network architecture ({error}){damaged}") from error


def _check_size(name: str, value: Any, path: Path) -> None:
    """Raises UserError unless a field is a number or a list of numbers within the limits of networks."""
    if name == "bottleneck":
        fields.check(bool, value, f"{name} of {path}")
        return
    numbers = value if isinstance(value, list) else [value]
    if len(numbers) > _MOST_STAGES:
        raise UserError(f"{name} of {path} has {len(numbers)} numbers; the limit is {_MOST_STAGES}")
    checked = [fields.check(fields.Count, number, f"{name} of {path}") for number in numbers]
    if (
        name == "depths"
        and sum(checked) > _MOST_BLOCKS
        or any(isinstance(number, str) for number in numbers)
    ):
        raise UserError(
            f"{name} of {path} is {value}, which is not valid for a network; convert the weights again"
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

    return f"; give the file in it, {(indices or files)[0]}" if files else ""
