"""A converted directory: `params` (an orbax checkpoint) and `model.json` (the architecture and num_classes)."""

import json
import os
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

from albar_jax import orbax_errors
from albar_jax.errors import UserError
from albar_jax.files import plainly_named
from albar_jax.inside import remove_folder
from albar_jax.models import NetworkConfig, ResNetConfig, VideoSwinConfig, torch_files
from albar_jax.models.finite import refuse_unusable
from albar_jax.models.torch_names import flatten
from albar_jax.models.torch_params import param_shapes
from albar_jax.types import Params


def save_converted(directory: str | Path, config: NetworkConfig, params: Params) -> None:
    """Writes parameters and their architecture as a new directory, whole or not at all.

    Raises UserError if it exists already.
    """
    directory = Path(directory).absolute()
    if directory.exists():
        raise UserError(f"{directory} exists already; delete it or choose another directory")
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.tmp")
    partial.mkdir()
    try:
        model = {name: getattr(config, name) for name in (*config.architecture, "num_classes")}
        (partial / "model.json").write_text(json.dumps(model, indent=2) + "\n")
        with plainly_named(partial) as name, ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            # From the host: orbax would write down the devices, and insist on them.
            checkpointer.save(name / "params", args=ocp.args.StandardSave(jax.device_get(params)))
        os.replace(partial, directory)
    except BaseException:
        remove_folder(partial)
        raise


def load_converted(directory: str | Path) -> tuple[NetworkConfig, Params]:
    """Reads weights written by `save_converted`, with default training options.

    Raises UserError if the directory is something else, or holds numbers that are not finite.
    """
    directory = Path(directory).absolute()
    if not (directory / "model.json").is_file():
        raise UserError(
            f"{directory} holds no model.json: it was not written by albar_jax.models.convert{_hint(directory)}"
        )
    orbax_errors.print_no_background_errors()
    try:
        fields = json.loads((directory / "model.json").read_text())
        config = (ResNetConfig if "bottleneck" in fields else VideoSwinConfig)(**fields)
        with plainly_named(directory) as name, ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            arguments = ocp.args.StandardRestore(param_shapes(config))
            params = checkpointer.restore(name / "params", args=arguments)
    except orbax_errors.NO_DAMAGE:
        raise
    # Foreign metadata can make orbax raise any error.
    except Exception as error:
        raise UserError(
            f"{directory} is damaged ({orbax_errors.in_words(error)}); convert the weights again"
        ) from error
    refuse_unusable({path: np.asarray(leaf) for path, leaf in flatten(params).items()}, directory)
    return config, params


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
