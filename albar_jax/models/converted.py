"""A converted directory: `params` (an orbax checkpoint) and `model.json` (the architecture and num_classes)."""

import json
import os
import shutil
from pathlib import Path

import jax
import orbax.checkpoint as ocp

from albar_jax.errors import UserError
from albar_jax.files import plainly_named
from albar_jax.models import NetworkConfig, ResNetConfig, VideoSwinConfig
from albar_jax.models.torch_params import param_shapes
from albar_jax.types import Params


def save_converted(directory: str | Path, config: NetworkConfig, params: Params) -> None:
    """Writes parameters and their architecture as a new directory, whole or not at all.

    Raises UserError if it exists already.
    """
    directory = Path(directory).absolute()
    if directory.exists():
        raise UserError(f"{directory} exists already; delete it or choose another directory.")
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
        shutil.rmtree(partial)
        raise


def load_converted(directory: str | Path) -> tuple[NetworkConfig, Params]:
    """Reads what `save_converted` wrote; what is a choice of a training has its default in the config.

    Raises UserError if the directory is something else.
    """
    directory = Path(directory).absolute()
    if not (directory / "model.json").is_file():
        raise UserError(f"{directory} holds no model.json: it was not written by albar_jax.models.convert.")
    try:
        fields = json.loads((directory / "model.json").read_text())
        config = (ResNetConfig if "bottleneck" in fields else VideoSwinConfig)(**fields)
        with plainly_named(directory) as name, ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            arguments = ocp.args.StandardRestore(param_shapes(config))
            return config, checkpointer.restore(name / "params", args=arguments)
    except (OSError, KeyError, TypeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{directory} is damaged ({reason}); convert the weights again.") from error
