"""Reads and writes PyTorch weight files without running code in them; see `file_formats`."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from albar_jax.errors import UserError
from albar_jax.files import replacing
from albar_jax.storage import json_files
from albar_jax.weights import torch_contents
from albar_jax.weights.file_formats import read_content, uncompressed
from albar_jax.weights.torch_contents import StateDict
from albar_jax.weights.torch_hub import INSTALL

# Suffixes of files that can be written.
SUFFIXES = (".pth", ".pt", ".safetensors")
# Suffixes of files that can be read.
READ_SUFFIXES = (
    *SUFFIXES,
    ".bin",
    ".ckpt",
    ".pyth",
    ".pkl",
    ".tar",
    ".gz",
    ".bz2",
    ".xz",
    ".index.json",
)
_SHARD = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})(?P<suffix>\.\w+)")


def read_state_dict(path: str | Path, preferred: Sequence[str] = ()) -> StateDict:
    """Reads the network of a weight file.

    Args:
      path: weight file, or the index of a sharded network. If a file holds several networks, such
        as a model and its moving average, the path ends in `#` and the name of one.
      preferred: locations in the file of networks of other kinds than a Swin or ResNet, such as
        "state_dict_ema"; the first that exists is read.

    Returns:
      Arrays by PyTorch name, without prefixes of wrappers. Floats become float32; integers are
      unchanged.

    Raises:
      UserError: the file is missing, unreadable, of another kind, too large for memory, or names
        code to run.
    """
    path, wanted = split_choice(path)
    if not path.is_file():
        raise UserError(
            f"there is no weight file {path}; give a file, or a folder that `albar convert` or "
            "`albar pretrain` has made"
        )
    if not str(path).endswith(READ_SUFFIXES):
        raise UserError(
            f"{path} does not end in {', '.join(READ_SUFFIXES)}, the known weight files"
        )

    try:
        if path.suffix == ".json":
            return _read_index(path, wanted)
        return _read(path, wanted, preferred)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise UserError(f"{path} does not fit into memory") from None
    except RecursionError:
        raise UserError(f"{path} is not read: its contents are nested too deeply") from None


def split_choice(source: str | Path) -> tuple[Path, str]:
    """Splits `model.pth#ema` into the file and the network's name, "" if there is none."""
    if Path(source).exists():
        return Path(source), ""
    file, _, wanted = str(source).partition("#")
    return Path(file), wanted


def _read(path: Path, wanted: str, preferred: Sequence[str]) -> StateDict:
    shard = _SHARD.fullmatch(path.name)
    if shard:
        index = f"{shard['stem']}{shard['suffix']}.index.json"
        raise UserError(
            f"{path} is one of {int(shard['count'])} files of a network; give their index, {index}"
        )

    with open(path, "rb") as file, uncompressed(file, path) as content:
        values = torch_contents.choose(read_content(content, path), wanted, path, preferred)
        return _arrays(values, path)


def _read_index(path: Path, wanted: str) -> StateDict:
    """Reads a sharded network by its index file, as written by Hugging Face's libraries."""
    try:
        names = dict.fromkeys(json_files.read(path)["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise UserError(
            f"{path} is not an index of weight files: it has no weight_map of names and files"
        ) from None

    state: dict[str, Any] = {}
    for name in names:
        shard = path.parent / str(name)
        if Path(str(name)).name != name or not shard.is_file():
            raise UserError(
                f"{path} names the file {name!r}, which is not in its folder; put all files into "
                "one folder"
            )
        with open(shard, "rb") as file:
            values = torch_contents.state_dicts(read_content(file, shard)).get("", {})
            state |= _arrays(values, shard)

    return _arrays(torch_contents.choose(state, wanted, path), path)


def _arrays(values: torch_contents.Values, path: Path) -> StateDict:
    return {name: _array(value, f"{name} of {path}") for name, value in values.items()}


def _array(value: Any, source: str) -> np.ndarray:
    try:
        array = torch_contents.to_numpy(value)
    # The tensor is sparse or quantized, or has a shape without values.
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{source} is not a plain, dense tensor ({error})") from None
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        # Errors of the system have an errno.
        if isinstance(error, OSError) and error.errno:
            raise
        raise UserError(f"{source} is damaged; download the file again") from None

    if array.dtype.kind in "biuc":
        return array
    # Values too large for float32 become infinite and are refused later.
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def write_state_dict(path: str | Path, state: StateDict) -> None:
    """Writes a state dict as a new .pth, .pt or .safetensors file, completely or not at all.

    Raises:
      UserError: the file already exists, has another suffix, or needs PyTorch, which is not
        installed.
    """
    path = Path(path)
    refuse_other_suffix(path)
    if path.exists():
        raise UserError(f"{path} already exists; delete it or choose another name")

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        if path.suffix == ".safetensors":
            # `save_file` would make a file that only its owner can read.
            partial.write_bytes(safetensors.numpy.save(state, metadata={"format": "pt"}))
        else:
            torch = _import_torch(path)
            torch.save({name: torch.from_numpy(value) for name, value in state.items()}, partial)


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a new file of `torch.save`, completely or not at all.

    Args:
      path: path of the file.
      content: numbers, arrays, and dicts of these. Arrays become tensors.

    Raises:
      UserError: the file already exists, or PyTorch is not installed.
    """
    if path.exists():
        raise UserError(f"{path} already exists; delete it or choose another name")

    path.parent.mkdir(parents=True, exist_ok=True)
    torch = _import_torch(path)

    def converted(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: converted(entry) for name, entry in value.items()}
        return torch.from_numpy(value) if isinstance(value, np.ndarray) else value

    with replacing(path) as partial:
        torch.save(converted(content), partial)


def refuse_other_suffix(path: Path) -> None:
    """Raises UserError unless a file has one of the suffixes that can be written."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} does not end in {', '.join(SUFFIXES)}, the known weight files")


def _import_torch(path: Path):
    """Returns PyTorch to write `path`; raises UserError if it is not installed."""
    try:
        import torch
    except ImportError:
        raise UserError(
            f"writing {path} needs PyTorch: {INSTALL}, or choose a name that ends in .safetensors"
        ) from None

    return torch
