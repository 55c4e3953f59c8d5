"""Reads the files of a video classifier of transformers without running any code that they name.

transformers itself would unpickle `.bin` files, and a config can name code on the Hub: `auto_map`,
or a kernel for attention. So the weights are read by `weights.torch_files`, and such names in a
config are removed.
"""

from pathlib import Path
from typing import Any

import torch

from albar_jax.audit.models.torch_network import first_line, to_tensors
from albar_jax.data.labels import some
from albar_jax.errors import UserError
from albar_jax.storage import json_files
from albar_jax.terminal.flags import suggestion
from albar_jax.weights.finite import refuse_unusable
from albar_jax.weights.torch_files import read_state_dict

CONFIG = "config.json"
# The files of weights, best first.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_SAFETENSORS = ("*.json", "model*.safetensors")
_BIN = ("pytorch_model*.bin",)
# They name code, or files other than `WEIGHTS`.
_REMOVED = (
    "auto_map",
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_internal",
    "experts_implementation",
    "_experts_implementation",
    "_experts_implementation_internal",
    "transformers_weights",
    "kernel_config",
)
_FEW = 4
# Limits of a config. Larger numbers would keep transformers busy for hours.
_MOST = 1 << 17
_MOST_LAYERS = 1 << 10
_MOST_PLACES = 1 << 12
_PLACES = ("num_frames", "frames_per_clip", "image_size", "crop_size")


def find(location: str, revision: str | None) -> Path:
    """Returns the folder of a model; downloads it if the location is a name on the Hub.

    Raises:
      UserError: there is no such folder, or the download fails.
    """
    folder = Path(location).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise UserError(f"hf:{location} is a folder, which has no revision; leave it out")
        return folder
    if location.startswith((".", "/", "~")) or location.count("/") > 1:
        raise UserError(f"there is no folder {location}; write hf:FOLDER, or hf:OWNER/NAME")

    folder = _download(location, revision, _SAFETENSORS)
    if not any((folder / name).exists() for name in WEIGHTS[:2]):
        return _download(location, revision, (*_SAFETENSORS, *_BIN))
    return folder


def _download(name: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    """Returns the folder of a model in Hugging Face's cache."""
    import huggingface_hub

    try:
        return Path(
            huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=patterns)
        )
    # A failed connection can raise an error of many types.
    except Exception as error:
        raise UserError(
            f"there is no folder {name}, and the Hub does not give a model of this name "
            f"({first_line(error)}); write its full name, or download it on another machine and "
            "give its folder"
        ) from error


def read_config(folder: Path) -> Any:
    """Returns the config of a model, without names of code.

    Raises:
      UserError: it cannot be read, or is not for a video classifier that answers with one class.
    """
    import transformers
    from transformers.models.auto import modeling_auto

    path = folder / CONFIG
    content = json_files.read_object(path, remedy="; give the folder of `save_pretrained`")
    kind = content.pop("model_type", None)
    kinds = modeling_auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES
    if not isinstance(kind, str) or kind not in kinds:
        raise UserError(
            f"{path} describes a model of the type {kind!r}, not a video classifier of "
            f"transformers {transformers.__version__}: {', '.join(sorted(kinds))}"
            f"{suggestion(str(kind), kinds)}"
        )

    values = {name: value for name, value in content.items() if name not in _REMOVED}
    problem = values.get("problem_type") or "single_label_classification"
    if problem != "single_label_classification" or values.get("quantization_config"):
        raise UserError(
            f"{path} describes a model with quantized weights, or with another problem than one "
            f"class for each clip ({problem}), which cannot be audited; give another model"
        )

    _refuse_huge(values, path)
    try:
        return transformers.AutoConfig.for_model(kind, **values)
    # A wrong field can raise an error of any type.
    except Exception as error:
        raise UserError(
            f"{path} is not a config of {kind} ({first_line(error)}); save it again with "
            "`save_pretrained`"
        ) from error


def _refuse_huge(values: dict[str, Any], path: Path) -> None:
    """Raises UserError for a number of a config that no network has."""
    for name, value in values.items():
        most = _MOST
        if name.endswith("_layers"):
            most = _MOST_LAYERS
        elif name in _PLACES:
            most = _MOST_PLACES
        if isinstance(value, int) and value > most:
            raise UserError(f"{path}: {name} is {value:,}; correct it, at most {most:,} is allowed")


def load(folder: Path, config: Any) -> torch.nn.Module:
    """Returns the network with the weights of a folder, float32.

    Raises:
      UserError: there are no weights, or they do not fit the config.
    """
    from transformers.models.auto import modeling_auto

    paths = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not paths:
        raise UserError(f"{folder} has no weights; it needs {' or '.join(WEIGHTS)}")
    path = paths[0]
    state = read_state_dict(path)
    floats = {name: value for name, value in state.items() if value.dtype.kind not in "biu"}
    refuse_unusable(floats, path)

    network = modeling_auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING[type(config)]
    try:
        # With a state dict, transformers renames weights of older versions and reads no file.
        module, loaded = network.from_pretrained(
            None,
            config=config,
            state_dict=to_tensors(state),
            dtype=torch.float32,
            output_loading_info=True,
        )
    # A config with impossible sizes can raise any error.
    except Exception as error:
        raise UserError(
            f"{path} does not fit {CONFIG} beside it ({first_line(error)}); save both again with "
            "`save_pretrained`"
        ) from error

    missing = sorted(loaded["missing_keys"])
    if missing:
        raise UserError(
            f"{path} lacks {len(missing)} weights of the classifier ({some(missing, _FEW)}); give "
            "a model that was fine-tuned for classification, not only pre-trained"
        )
    return module


def read_processor(folder: Path) -> Any:
    """Returns the processor of a folder. Raises UserError if there is none."""
    from transformers import AutoVideoProcessor

    try:
        return AutoVideoProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    # Its file may be missing or hold anything.
    except Exception as error:
        raise UserError(
            f"{folder} has no processor that can be read ({first_line(error)}); save it there with "
            "processor.save_pretrained(FOLDER)"
        ) from error
